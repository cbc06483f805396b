// oneDNN's C API; Debian ships no .pc file for it, hence the explicit `link` in the module map.
#include <oneapi/dnnl/dnnl.h>
