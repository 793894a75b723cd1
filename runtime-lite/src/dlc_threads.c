/* dlc_threads.c: dlc_parallel_for on a pool of POSIX threads (hosted targets only).
 *
 * The pool starts with the first parallel loop and lasts as long as the process.
 * Tasks are handed out one by one through an atomic counter. A loop that starts
 * while another one runs (a second caller, or a nested loop) runs serially in
 * its caller: no deadlock, no queue.
 */
#include "dlc/dlc_runtime.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

enum { maxThreads = 64, spins = 2000 };

static pthread_mutex_t owner = PTHREAD_MUTEX_INITIALIZER; /* held by the caller of the running loop */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;  /* protects sleeping and waking */
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static unsigned wanted;  /* threads, the caller included; 0: not decided */
static unsigned started; /* workers that exist */

/* The running loop. Workers read it between two changes of `round`. */
static dlc_task loopTask;
static void *loopContext;
static size_t loopCount;
static unsigned loopWorkers;     /* workers that take part */
static atomic_size_t loopNext;   /* next index to hand out */
static atomic_uint busy;         /* workers not yet done with this round */
static atomic_uint_fast64_t round_;

static void work(void) {
  for (size_t i; (i = atomic_fetch_add(&loopNext, 1)) < loopCount;)
    loopTask(loopContext, i);
}

static void *worker(void *argument) {
  unsigned self = (unsigned)(uintptr_t)argument;
  uint_fast64_t seen = 0;
  for (;;) {
    /* Loops of one inference follow each other within microseconds: look before sleeping. */
    for (int i = 0; i < spins && atomic_load(&round_) == seen; i++)
      ;
    pthread_mutex_lock(&lock);
    while (atomic_load(&round_) == seen)
      pthread_cond_wait(&wake, &lock);
    seen = atomic_load(&round_);
    int takesPart = self < loopWorkers;
    pthread_mutex_unlock(&lock);
    if (takesPart) {
      work();
      atomic_fetch_sub(&busy, 1);
    }
  }
  return NULL;
}

void dlc_set_threads(unsigned threads) {
  pthread_mutex_lock(&owner);
  if (threads == 0) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    threads = online > 0 ? (unsigned)online : 1;
  }
  wanted = threads > maxThreads ? maxThreads : threads;
  pthread_mutex_unlock(&owner);
}

/* Starts workers until there are enough; fewer when the system refuses. */
static void startWorkers(void) {
  while (started + 1 < wanted) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, worker, (void *)(uintptr_t)started) != 0)
      break;
    pthread_detach(thread);
    started++;
  }
}

void dlc_parallel_for(dlc_task task, void *context, size_t count) {
  if (count < 2 || pthread_mutex_trylock(&owner) != 0) {
    for (size_t i = 0; i < count; i++)
      task(context, i);
    return;
  }
  if (wanted == 0) {
    pthread_mutex_unlock(&owner);
    dlc_set_threads(0);
    pthread_mutex_lock(&owner);
  }
  startWorkers();
  unsigned workers = wanted - 1 < started ? wanted - 1 : started;
  if (workers > count - 1)
    workers = (unsigned)(count - 1);
  pthread_mutex_lock(&lock);
  loopTask = task;
  loopContext = context;
  loopCount = count;
  loopWorkers = workers;
  atomic_store(&loopNext, 0);
  atomic_store(&busy, workers);
  atomic_fetch_add(&round_, 1);
  if (workers)
    pthread_cond_broadcast(&wake);
  pthread_mutex_unlock(&lock);
  work();
  while (atomic_load(&busy) != 0)
    sched_yield();
  pthread_mutex_unlock(&owner);
}
