// Preloaded into a program, it gives sockets what an ordinary user gets from a system with net.core.rmem_max = wmem_max =
// 212992: larger wishes are cut, and the privileged forms are refused. Names each wish in the file SMALL_BUFFERS_LOG.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LIMIT = 212992 };

static void note(const char* what)
{
    const char* path = getenv("SMALL_BUFFERS_LOG");
    const int fd = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (write(fd, what, strlen(what)) < 0) abort();
    close(fd);
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t size)
{
    int limited = LIMIT;
    if (level == SOL_SOCKET && (name == SO_RCVBUFFORCE || name == SO_SNDBUFFORCE)) {
        note("forced\n");
        errno = EPERM;
        return -1;
    }
    if (level == SOL_SOCKET && (name == SO_RCVBUF || name == SO_SNDBUF) && size == sizeof limited && *(const int*)value > LIMIT) {
        note("cut\n");
        value = &limited;
    }
    return (int)syscall(SYS_setsockopt, fd, level, name, value, size);
}
