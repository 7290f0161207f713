/* What sockets and loops ask the system for. None of it blocks, but for sleep_in_epoll. */
#include <errno.h>

#ifdef _WIN32

/* There the Python code runs; this only has to compile. */
static const int has_sockets = 0;
static inline Py_ssize_t send_some(int fd, const char *data, Py_ssize_t size) {
    errno = ENOSYS;
    return -1;
}
static inline Py_ssize_t receive_some(int fd, char *data, Py_ssize_t size) {
    errno = ENOSYS;
    return -1;
}

#else

#include <sys/socket.h>
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* Python ignores SIGPIPE anyway */
#endif
static const int has_sockets = 1;
static inline Py_ssize_t send_some(int fd, const char *data, Py_ssize_t size) {
    return send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}
static inline Py_ssize_t receive_some(int fd, char *data, Py_ssize_t size) {
    return recv(fd, data, size, MSG_DONTWAIT);
}

#endif

/* errno is EAGAIN, EWOULDBLOCK or EINTR: nothing has happened. */
static inline int would_block(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Return what was read already, and what else has come, in one object. */
static PyObject *receive_much(int fd, const char *begin, Py_ssize_t size, Py_ssize_t most) {
    PyObject *data = PyBytes_FromStringAndSize(NULL, most);
    char *start;
    Py_ssize_t more;
    if (data == NULL) return NULL;
    start = PyBytes_AS_STRING(data);
    memcpy(start, begin, size);
    Py_BEGIN_ALLOW_THREADS
    more = receive_some(fd, start + size, most - size);
    Py_END_ALLOW_THREADS
    _PyBytes_Resize(&data, size + (more > 0 ? more : 0));
    return data;
}
