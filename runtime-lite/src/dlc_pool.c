/* dlc_pool.c: the blocks that one inference has taken from dlc_alloc, in a list, so that all can be released. */
#include "dlc/dlc_runtime.h"

/* Stands in front of every block; padded so that the block keeps the alignment. */
typedef struct Header {
  struct Header *next, *previous;
} Header;

enum { blockAlign = 16, headerBytes = (sizeof(Header) + blockAlign - 1) / blockAlign * blockAlign };

void *dlc_pool_alloc(dlc_pool *pool, size_t bytes) {
  if (bytes > SIZE_MAX - headerBytes)
    return NULL;
  Header *header = dlc_alloc(bytes + headerBytes, blockAlign);
  if (!header)
    return NULL;
  header->next = pool->first;
  header->previous = NULL;
  if (header->next)
    header->next->previous = header;
  pool->first = header;
  return (char *)header + headerBytes;
}

void dlc_pool_free(dlc_pool *pool, void *block) {
  Header *header = (Header *)((char *)block - headerBytes);
  if (header->previous)
    header->previous->next = header->next;
  else
    pool->first = header->next;
  if (header->next)
    header->next->previous = header->previous;
  dlc_free(header);
}

void dlc_pool_release(dlc_pool *pool) {
  for (Header *header = pool->first; header;) {
    Header *next = header->next;
    dlc_free(header);
    header = next;
  }
  pool->first = NULL;
}

void dlc_pool_drop(void **block) {
  if (*block)
    dlc_free(*block);
  *block = NULL;
}
