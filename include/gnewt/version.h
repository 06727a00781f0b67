/* The version of the library. */
#ifndef GNEWT_VERSION_H
#define GNEWT_VERSION_H

#define GNEWT_VERSION "0.1.0"

#endif
