/* The sleep of a loop, and a flag that threads share without a lock. */
#include <errno.h>
#include <time.h>

#ifdef _MSC_VER
#include <intrin.h>
typedef long Flag;
static inline int swap_flag(Flag *flag, int value) { return (int)_InterlockedExchange(flag, value); }
#else
typedef int Flag;
static inline int swap_flag(Flag *flag, int value) {
    return __atomic_exchange_n(flag, value, __ATOMIC_SEQ_CST);
}
#endif

#ifdef __linux__

#include <sys/epoll.h>
static const int has_epoll = 1;
typedef struct epoll_event Event;
static inline int event_fd(const Event *event) { return event->data.fd; }
static inline int sleep_in_epoll(int epoll, Event *events, int most, int milliseconds) {
    return epoll_wait(epoll, events, most, milliseconds);
}
/* As `time.monotonic` has it there. */
static inline double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#else

/* There a poller of Python's is used. */
static const int has_epoll = 0;
typedef struct { unsigned int events; } Event;
static inline int event_fd(const Event *event) { return -1; }
static inline double clock_seconds(void) { return 0.0; }
static inline int sleep_in_epoll(int epoll, Event *events, int most, int milliseconds) {
    errno = ENOSYS;
    return -1;
}

#endif
