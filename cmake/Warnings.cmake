# Warnings are errors for developers; a user's newer compiler only warns (GNEWT_WERROR). Sanitizers by GNEWT_SANITIZE.
add_library(gnewt_warnings INTERFACE)
target_compile_options(gnewt_warnings INTERFACE $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wpedantic -Wshadow
                                                -Wstrict-prototypes -Wmissing-prototypes
                                                $<$<BOOL:${GNEWT_WERROR}>:-Werror>>)
if(GNEWT_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(GNEWT_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
