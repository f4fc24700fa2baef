/* Loaded with LD_PRELOAD: counts the system calls that change files, and makes the
 * n-th of them go wrong. Set the variables below from the program (ctypes). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

int shim_on = 0;          /* count, and act, only while this is set */
long shim_count = 0;      /* calls seen */
long shim_at = 0;         /* the call that goes wrong; 0: none */
int shim_kill = 0;        /* die of SIGKILL there */
int shim_half = 0;        /* a write does half its work first */
int shim_sticky = 0;      /* every later call fails, too */
int shim_errno = 0;       /* fail with this instead of dying */
int shim_skip_fd = -1;    /* where the program reports: never touched */
int shim_flock_errno = 0; /* flock always fails with this, if set */
int shim_link_errno = 0;  /* link always fails with this, if set */

enum { GO, FAIL };

static int goes_wrong(int fd) {
  if (!shim_on || fd == shim_skip_fd || (fd >= 0 && fd <= 2)) return 0;
  shim_count++;
  if (!shim_at || shim_count < shim_at) return 0;
  return shim_count == shim_at || shim_sticky;
}

static int verdict(void) {
  if (shim_kill) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  if (shim_errno) {
    errno = shim_errno;
    return FAIL;
  }
  return GO;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name)

/* With neither kill nor errno, a half write is a short write that succeeds. */
#define WRITES(name, params, call, half) \
  ssize_t name params { \
    REAL(name); \
    if (goes_wrong(fd)) { \
      ssize_t done = shim_half && n > 1 ? real half : 0; \
      if (verdict() == FAIL) return -1; \
      if (shim_half && n > 1) return done; \
    } \
    return real call; \
  }

WRITES(write, (int fd, const void *b, size_t n), (fd, b, n), (fd, b, n / 2))
WRITES(pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), (fd, b, n / 2, o))
WRITES(pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), (fd, b, n / 2, o))

/* Half of what the buffers hold together. */
static ssize_t half_of(int fd, const struct iovec *v, int n, off64_t o) {
  size_t left = 0;
  ssize_t done = 0;
  for (int i = 0; i < n; i++) left += v[i].iov_len;
  left /= 2;
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
  for (int i = 0; i < n && left; i++) {
    size_t part = v[i].iov_len < left ? v[i].iov_len : left;
    ssize_t now = real(fd, v[i].iov_base, part, o + done);
    if (now < 0) return -1;
    done += now;
    left -= now;
  }
  return done;
}

/* Python's os.pwritev is one of these; what it writes has no other way. */
#define WRITES_ALL(name, params, call) \
  ssize_t name params { \
    REAL(name); \
    if (goes_wrong(fd)) { \
      ssize_t done = shim_half ? half_of(fd, v, n, o) : 0; \
      if (verdict() == FAIL) return -1; \
      if (shim_half && done) return done; \
    } \
    return real call; \
  }

WRITES_ALL(pwritev, (int fd, const struct iovec *v, int n, off_t o), (fd, v, n, o))
WRITES_ALL(pwritev64, (int fd, const struct iovec *v, int n, off64_t o), (fd, v, n, o))
WRITES_ALL(pwritev2, (int fd, const struct iovec *v, int n, off_t o, int f), (fd, v, n, o, f))
WRITES_ALL(pwritev64v2, (int fd, const struct iovec *v, int n, off64_t o, int f),
           (fd, v, n, o, f))

#define CHANGES(name, params, call, fd) \
  int name params { \
    REAL(name); \
    if (goes_wrong(fd) && verdict() == FAIL) return -1; \
    return real call; \
  }

CHANGES(ftruncate, (int fd, off_t n), (fd, n), fd)
CHANGES(ftruncate64, (int fd, off64_t n), (fd, n), fd)
CHANGES(fsync, (int fd), (fd), fd)
CHANGES(fdatasync, (int fd), (fd), fd)
CHANGES(mkdir, (const char *a, mode_t m), (a, m), -1)
CHANGES(unlink, (const char *a), (a), -1)
CHANGES(unlinkat, (int d, const char *a, int f), (d, a, f), -1)
CHANGES(rename, (const char *a, const char *b), (a, b), -1)
CHANGES(renameat, (int d, const char *a, int e, const char *b), (d, a, e, b), -1)

/* These give the error itself. */
#define ALLOCATES(name, params, call) \
  int name params { \
    REAL(name); \
    if (goes_wrong(fd) && verdict() == FAIL) return errno; \
    return real call; \
  }

ALLOCATES(posix_fallocate, (int fd, off_t o, off_t n), (fd, o, n))
ALLOCATES(posix_fallocate64, (int fd, off64_t o, off64_t n), (fd, o, n))

int link(const char *a, const char *b) {
  REAL(link);
  if (shim_on && shim_link_errno) { errno = shim_link_errno; return -1; }
  if (goes_wrong(-1) && verdict() == FAIL) return -1;
  return real(a, b);
}

int linkat(int d, const char *a, int e, const char *b, int f) {
  REAL(linkat);
  if (shim_on && shim_link_errno) { errno = shim_link_errno; return -1; }
  if (goes_wrong(-1) && verdict() == FAIL) return -1;
  return real(d, a, e, b, f);
}

int flock(int fd, int operation) {
  static int (*real)(int, int);
  if (!real) real = dlsym(RTLD_NEXT, "flock");
  if (shim_on && shim_flock_errno) { errno = shim_flock_errno; return -1; }
  return real(fd, operation);
}

#define OPENS(name, params, call) \
  int name params { \
    REAL(name); \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TRUNC)) { \
      va_list rest; \
      va_start(rest, flags); \
      mode = va_arg(rest, mode_t); \
      va_end(rest); \
      if (goes_wrong(-1) && verdict() == FAIL) return -1; \
    } \
    return real call; \
  }

OPENS(open, (const char *a, int flags, ...), (a, flags, mode))
OPENS(open64, (const char *a, int flags, ...), (a, flags, mode))
OPENS(openat, (int d, const char *a, int flags, ...), (d, a, flags, mode))
OPENS(openat64, (int d, const char *a, int flags, ...), (d, a, flags, mode))
