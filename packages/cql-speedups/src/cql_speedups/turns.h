/* The sleep of a loop, its alarm, and a flag that threads share without a lock. */
#include <errno.h>
#include <time.h>

#ifdef _MSC_VER
#include <intrin.h>
typedef long Flag;
static inline int swap_flag(Flag *flag, int value) { return (int)_InterlockedExchange(flag, value); }
#else
typedef int Flag;
static inline int swap_flag(Flag *flag, int value) {
#ifdef Py_GIL_DISABLED
    return __atomic_exchange_n(flag, value, __ATOMIC_SEQ_CST);
#else
    int before = *flag; /* who swaps has the GIL */
    *flag = value;
    return before;
#endif
}
#endif

#ifdef __linux__

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
static const int has_epoll = 1;
typedef struct epoll_event Event;
#define FARTHEST 4e9 /* seconds: of longer ones the system knows nothing on some machines */
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
/* A descriptor that is readable from a time of `clock_seconds` on; -1 where there is none. */
static inline int make_alarm(void) {
    return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
}
static inline int set_alarm(int alarm, double when) {
    struct itimerspec time = {{0, 0}, {0, 0}};
    if (when > FARTHEST) when = FARTHEST;
    if (when > 0.0) {
        time.it_value.tv_sec = (time_t)when;
        time.it_value.tv_nsec = (long)((when - (double)time.it_value.tv_sec) * 1e9);
    }
    if (!time.it_value.tv_sec && !time.it_value.tv_nsec) time.it_value.tv_nsec = 1; /* 0: never */
    return timerfd_settime(alarm, TFD_TIMER_ABSTIME, &time, NULL);
}
static inline void silence_alarm(int alarm) {
    char rings[8];
    if (read(alarm, rings, sizeof rings) < 0) return; /* it has been set anew meanwhile */
}
static inline void close_alarm(int alarm) { close(alarm); }

#else

/* There a poller of Python's is used. */
static const int has_epoll = 0;
typedef struct { unsigned int events; } Event;
static inline int event_fd(const Event *event) { return -1; }
static inline double clock_seconds(void) { return 0.0; }
static inline int make_alarm(void) { return -1; }
static inline int set_alarm(int alarm, double when) { return -1; }
static inline void silence_alarm(int alarm) {}
static inline void close_alarm(int alarm) {}
static inline int sleep_in_epoll(int epoll, Event *events, int most, int milliseconds) {
    errno = ENOSYS;
    return -1;
}

#endif
