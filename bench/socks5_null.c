// A SOCKS5 server that knows only UDP ASSOCIATE and relays datagrams unchanged: the lower bound for anything that sits
// between a BitTorrent engine and its peers. `./run bench` compares Cepa with it.
//
//   socks5_null [--address 127.0.0.1] [--port 0] [--gso] [--max-payload BYTES]
//     --gso          runs of equal-sized datagrams to one address leave in one segmented send
//     --max-payload  drops datagrams with a larger payload, as a tunnel with a smaller MTU would
//
// Prints "ready PORT". On SIGTERM or SIGINT it prints one JSON object with its counts and CPU seconds and exits 0.
// It trusts its clients: a measuring tool, never a product.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { BATCH = 64, MAX_CLIENTS = 32, HEADER = 10, SLOT = 2048, SEGMENTS = 40, BUFFER = 4 << 20 };

struct client {
    int tcp, engine, world; // the control connection, the socket towards the engine, the one towards peers
    struct sockaddr_in engine_address;
};
/// Datagrams on their way: where each lies, how long it is, where it goes.
struct batch {
    unsigned char* data[BATCH];
    size_t length[BATCH];
    struct sockaddr_in to[BATCH];
    int count;
};

static struct client clients[MAX_CLIENTS];
static int client_count;
static struct sockaddr_in self;
static bool use_gso;
static size_t max_payload = SLOT;
static unsigned long to_world, to_engine, bytes_to_engine, sends, receives, too_large;
static unsigned char slots[BATCH][SLOT];
static struct mmsghdr messages[BATCH];
static struct iovec vectors[BATCH];
static struct sockaddr_in sources[BATCH];
static volatile sig_atomic_t stop;

static void die(const char* what)
{
    perror(what);
    exit(1);
}

static int open_udp(void)
{
    struct sockaddr_in address = self;
    const int size = BUFFER;
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    address.sin_port = 0;
    if (fd < 0 || bind(fd, (const struct sockaddr*)&address, sizeof address) != 0) die("socks5_null: udp socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return fd;
}

/// Reads up to BATCH datagrams, each `offset` bytes into its slot.
static int pull(int fd, size_t offset)
{
    for (int i = 0; i < BATCH; ++i) {
        vectors[i] = (struct iovec){slots[i] + offset, SLOT - offset};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &sources[i], .msg_namelen = sizeof sources[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    const int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
    ++receives;
    return count < 0 ? 0 : count;
}

static bool same_address(const struct sockaddr_in* a, const struct sockaddr_in* b)
{
    return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

/// How many datagrams from `first` on may leave in one segmented send.
static int run_length(const struct batch* b, int first)
{
    int n = 1;
    size_t total = b->length[first];
    while (use_gso && first + n < b->count && n < SEGMENTS && b->length[first + n - 1] == b->length[first] &&
           b->length[first + n] <= b->length[first] && total + b->length[first + n] < 65000 &&
           same_address(&b->to[first], &b->to[first + n]))
        total += b->length[first + n++];
    return n;
}

static void push(int fd, struct batch* b)
{
    for (int i = 0; i < b->count;) {
        const int n = run_length(b, i);
        union {
            char bytes[CMSG_SPACE(sizeof(uint16_t))];
            struct cmsghdr align;
        } control = {0};
        for (int j = 0; j < n; ++j) vectors[j] = (struct iovec){b->data[i + j], b->length[i + j]};
        struct msghdr message = {
            .msg_name = &b->to[i], .msg_namelen = sizeof b->to[i], .msg_iov = vectors, .msg_iovlen = (size_t)n};
        if (n > 1) {
            const uint16_t segment = (uint16_t)b->length[i];
            message.msg_control = control.bytes;
            message.msg_controllen = sizeof control.bytes;
            struct cmsghdr* option = CMSG_FIRSTHDR(&message);
            option->cmsg_level = IPPROTO_UDP;
            option->cmsg_type = UDP_SEGMENT;
            option->cmsg_len = CMSG_LEN(sizeof segment);
            memcpy(CMSG_DATA(option), &segment, sizeof segment);
        }
        ++sends;
        if (sendmsg(fd, &message, 0) < 0 && errno != ECONNREFUSED && errno != EAGAIN && errno != ENOBUFS)
            perror("socks5_null: sendmsg");
        i += n;
    }
}

static void from_engine(struct client* c)
{
    struct batch b = {.count = 0};
    const int count = pull(c->engine, 0);
    for (int i = 0; i < count; ++i) {
        unsigned char* const s = slots[i];
        const size_t size = messages[i].msg_len;
        c->engine_address = sources[i];
        if (size <= HEADER || s[2] != 0 || s[3] != 1) continue; // no fragments, IPv4 only
        if (size - HEADER > max_payload) {
            ++too_large;
            continue;
        }
        b.to[b.count] = (struct sockaddr_in){.sin_family = AF_INET};
        memcpy(&b.to[b.count].sin_addr, s + 4, 4);
        memcpy(&b.to[b.count].sin_port, s + 8, 2);
        b.data[b.count] = s + HEADER;
        b.length[b.count++] = size - HEADER;
    }
    to_world += (unsigned long)b.count;
    push(c->world, &b);
}

static void from_world(struct client* c)
{
    struct batch b = {.count = 0};
    const int count = pull(c->world, HEADER);
    if (c->engine_address.sin_port == 0) return;
    for (int i = 0; i < count; ++i) {
        unsigned char* const s = slots[i];
        const size_t size = messages[i].msg_len;
        if (size > max_payload) {
            ++too_large;
            continue;
        }
        memcpy(s, "\0\0\0\1", 4);
        memcpy(s + 4, &sources[i].sin_addr, 4);
        memcpy(s + 8, &sources[i].sin_port, 2);
        b.data[b.count] = s;
        b.length[b.count] = size + HEADER;
        b.to[b.count++] = c->engine_address;
        bytes_to_engine += size;
    }
    to_engine += (unsigned long)b.count;
    push(c->engine, &b);
}

static bool read_all(int fd, void* to, size_t count)
{
    return recv(fd, to, count, MSG_WAITALL) == (ssize_t)count;
}

/// The rest of a request's address; false when it is cut off or of no known type.
static bool skip_address(int fd, unsigned char type)
{
    unsigned char rest[258];
    unsigned char length = 0;
    if (type == 1) return read_all(fd, rest, 6);
    if (type == 4) return read_all(fd, rest, 18);
    return type == 3 && read_all(fd, &length, 1) && read_all(fd, rest, length + 2U);
}

/// Blocking: the client is local and well-behaved.
static bool greet(int fd, struct client* c)
{
    unsigned char b[256];
    struct sockaddr_in bound;
    socklen_t length = sizeof bound;
    if (!read_all(fd, b, 2) || b[0] != 5 || !read_all(fd, b + 2, b[1] < 250 ? b[1] : 250)) return false;
    if (send(fd, "\5\0", 2, MSG_NOSIGNAL) != 2 || !read_all(fd, b, 4) || !skip_address(fd, b[3])) return false;
    if (b[1] != 3) {
        send(fd, "\5\7\0\1\0\0\0\0\0\0", 10, MSG_NOSIGNAL);
        return false;
    }
    *c = (struct client){.tcp = fd, .engine = open_udp(), .world = open_udp()};
    getsockname(c->engine, (struct sockaddr*)&bound, &length);
    memcpy(b, "\5\0\0\1", 4);
    memcpy(b + 4, &bound.sin_addr, 4);
    memcpy(b + 8, &bound.sin_port, 2);
    return send(fd, b, 10, MSG_NOSIGNAL) == 10;
}

static void accept_one(int listener)
{
    const int fd = accept(listener, NULL, NULL);
    if (fd < 0) return;
    if (client_count < MAX_CLIENTS && greet(fd, &clients[client_count])) ++client_count;
    else close(fd);
}

static void serve(struct client* c, const struct pollfd* events)
{
    char ignored[64];
    if (events[1].revents) from_engine(c);
    if (events[2].revents) from_world(c);
    if (!events[0].revents || recv(c->tcp, ignored, sizeof ignored, MSG_DONTWAIT) > 0) return;
    close(c->tcp);
    close(c->engine);
    close(c->world);
    *c = clients[--client_count];
}

static void report(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    const double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"to_engine\": %lu, \"bytes_to_engine\": %lu, \"to_world\": %lu, \"too_large\": %lu, \"sends\": %lu, "
           "\"receives\": %lu, \"cpu_s\": %.3f}\n",
           to_engine, bytes_to_engine, to_world, too_large, sends, receives, cpu);
}

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static int listen_at(const char* address, uint16_t port)
{
    const int on = 1;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof self;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    self = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, address, &self.sin_addr) != 1) die("socks5_null: address");
    if (bind(fd, (const struct sockaddr*)&self, sizeof self) != 0 || listen(fd, 16) != 0) die("socks5_null: listen");
    getsockname(fd, (struct sockaddr*)&self, &length);
    return fd;
}

int main(int argc, char** argv)
{
    const char* address = "127.0.0.1";
    uint16_t port = 0;
    for (int i = 1; i < argc; ++i) {
        const bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--gso") == 0) use_gso = true;
        else if (has_value && strcmp(argv[i], "--address") == 0) address = argv[++i];
        else if (has_value && strcmp(argv[i], "--port") == 0) port = (uint16_t)atoi(argv[++i]);
        else if (has_value && strcmp(argv[i], "--max-payload") == 0) max_payload = (size_t)atoi(argv[++i]);
        else return fprintf(stderr, "usage: socks5_null [--address A] [--port P] [--gso] [--max-payload N]\n"), 2;
    }
    const struct sigaction action = {.sa_handler = on_signal}; // no SA_RESTART: poll() must return
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    const int listener = listen_at(address, port);
    printf("ready %u\n", ntohs(self.sin_port));
    fflush(stdout);
    while (!stop) {
        struct pollfd events[1 + 3 * MAX_CLIENTS] = {{listener, POLLIN, 0}};
        for (int i = 0; i < client_count; ++i) {
            const int fds[3] = {clients[i].tcp, clients[i].engine, clients[i].world};
            for (int j = 0; j < 3; ++j) events[1 + 3 * i + j] = (struct pollfd){fds[j], POLLIN, 0};
        }
        if (poll(events, (nfds_t)(1 + 3 * client_count), -1) < 0) continue;
        for (int i = client_count - 1; i >= 0; --i) serve(&clients[i], &events[1 + 3 * i]);
        if (events[0].revents) accept_one(listener);
    }
    report();
    return 0;
}
