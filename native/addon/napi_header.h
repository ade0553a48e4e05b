// The only place that includes <napi.h>, with its settings.
#ifndef SIGHTLINE_ADDON_NAPI_HEADER_H_
#define SIGHTLINE_ADDON_NAPI_HEADER_H_

// A worker thread that is being terminated cannot take an exception; without this the whole process
// would abort.
#ifndef NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#endif

#include <napi.h>

#endif  // SIGHTLINE_ADDON_NAPI_HEADER_H_
