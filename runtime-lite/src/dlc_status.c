/* dlc_status.c: texts of status codes; -DDLC_NO_STATUS_TEXT leaves them out. */
#include "dlc/dlc_runtime.h"

const char *dlc_status_text(dlc_status status) {
#ifdef DLC_NO_STATUS_TEXT
  (void)status;
  return "";
#else
  switch (status) {
  case DLC_OK:
    return "ok";
  case DLC_ERR_NULL:
    return "a pointer is null";
  case DLC_ERR_ABI:
    return "the model needs another runtime-lite";
  case DLC_ERR_COUNT:
    return "wrong number of inputs or outputs";
  case DLC_ERR_ARENA:
    return "the arena is too small";
  case DLC_ERR_ALIGN:
    return "the arena or a tensor is misaligned";
  case DLC_ERR_OVERLAP:
    return "an output or the arena overlaps a tensor";
  case DLC_ERR_DIMS:
    return "the dims of an input are missing or not allowed";
  case DLC_ERR_DATA:
    return "a value of an input is out of range";
  case DLC_ERR_MEMORY:
    return "out of memory";
  default:
    return "unknown error";
  }
#endif
}
