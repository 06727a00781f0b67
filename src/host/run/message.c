#include "run/message.h"

#include <stdarg.h>
#include <stdio.h>

gn_status gn_message_fail(gn_message *message, gn_status status, const char *format, ...) {
    if (message != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(message->text, sizeof message->text, format, arguments);
        va_end(arguments);
    }
    return status;
}
