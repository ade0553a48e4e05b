// The only file that includes <napi.h>, with its settings.
#ifndef SIGHTLINE_ADDON_NAPI_HEADER_H_
#define SIGHTLINE_ADDON_NAPI_HEADER_H_

// A terminating worker thread accepts no exception; without this the process would abort.
#ifndef NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#endif

#include <napi.h>

#endif  // SIGHTLINE_ADDON_NAPI_HEADER_H_
