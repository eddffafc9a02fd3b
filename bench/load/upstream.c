/*
 * The fixed upstream of the benches: an OpenAI-compatible server that costs next to nothing, so that what is measured is whoever stands
 * in front of it. A request whose body holds `"stream":true` gets `events` server-sent events, the first at once, then one every `interval`
 * milliseconds; any other gets one plain chat completion. One thread, epoll, keep-alive.
 *
 *   upstream PORT EVENTS INTERVAL_MS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 70000, REQUEST = 16384 };

struct connection {
  int open, used, left, queued;
  double due;
  char *in;
};

static struct connection *connections;
/* Streams by the time of their next event: the interval is the same for all, so the order of arrival is the order of time. */
static int queue[MOST + 1], head, tail;
static int events_a_stream;
static double interval;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static const char *BODY =
    "{\"id\":\"chatcmpl-fixed\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"fixed\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"The capital of France is Paris, on the Seine, and has been for a thousand years.\"},"
    "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":14,\"completion_tokens\":18,\"total_tokens\":32}}";
static const char *EVENT =
    "data: {\"id\":\"chatcmpl-fixed\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"fixed\",\"choices\":[{\"index\":0,"
    "\"delta\":{\"content\":\" word\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
static const char *LAST =
    "data: {\"id\":\"chatcmpl-fixed\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"fixed\",\"choices\":[],"
    "\"usage\":{\"prompt_tokens\":14,\"completion_tokens\":18,\"total_tokens\":32}}\n\ndata: [DONE]\n\n";
static char plain[2048], begin[2048], next[1024], end[1024];
static int plain_length, begin_length, next_length, end_length;

static int chunk(char *out, size_t size, const char *text, int last) {
  return snprintf(out, size, "%zx\r\n%s\r\n%s", strlen(text), text, last ? "0\r\n\r\n" : "");
}

static void prepare(void) {
  plain_length = snprintf(plain, sizeof plain, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s", strlen(BODY), BODY);
  begin_length = snprintf(begin, sizeof begin, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
  begin_length += chunk(begin + begin_length, sizeof begin - begin_length, EVENT, 0);
  next_length = chunk(next, sizeof next, EVENT, 0);
  end_length = chunk(end, sizeof end, LAST, 1);
}

static void hang_up(int fd) {
  close(fd);
  connections[fd].open = 0;
  connections[fd].left = 0;
}

/* Answers are smaller than a socket's buffer; one that does not fit belongs to a reader that stopped, and is cut. */
static void say(int fd, const char *bytes, int length) {
  if (send(fd, bytes, length, MSG_NOSIGNAL) != length) hang_up(fd);
}

static void enqueue(int fd) {
  connections[fd].queued = 1;
  queue[tail] = fd;
  tail = (tail + 1) % (MOST + 1);
}

static void answer(int fd, const char *body, int length) {
  struct connection *c = &connections[fd];
  if (!memmem(body, length, "\"stream\":true", 13)) return say(fd, plain, plain_length);
  say(fd, begin, begin_length);
  if (!c->open) return;
  c->left = events_a_stream;
  c->due = now() + interval;
  if (!c->queued) enqueue(fd);
}

static void readable(int fd) {
  struct connection *c = &connections[fd];
  ssize_t got = read(fd, c->in + c->used, REQUEST - c->used - 1);
  if (got <= 0) {
    if (got < 0 && errno == EAGAIN) return;
    return hang_up(fd);
  }
  c->used += got;
  c->in[c->used] = 0;
  for (;;) {
    char *blank = memmem(c->in, c->used, "\r\n\r\n", 4);
    if (!blank) break;
    int length = 0;
    for (char *line = c->in; line < blank; line = strstr(line, "\r\n") + 2)
      if (strncasecmp(line, "content-length:", 15) == 0) length = atoi(line + 15);
    int whole = (int)(blank - c->in) + 4 + length;
    if (c->used < whole) break;
    answer(fd, blank + 4, length);
    if (!c->open) return;
    memmove(c->in, c->in + whole, c->used - whole);
    c->used -= whole;
  }
}

/* Sends the events that are due; milliseconds until the next one, -1 for none. */
static int tick(void) {
  while (head != tail) {
    int fd = queue[head];
    struct connection *c = &connections[fd];
    double t = now();
    if (c->open && c->left > 0 && c->due > t) return (int)(c->due - t) + 1;
    head = (head + 1) % (MOST + 1);
    c->queued = 0;
    if (!c->open || c->left == 0) continue;
    if (--c->left == 0) {
      say(fd, end, end_length);
      continue;
    }
    say(fd, next, next_length);
    c->due += interval;
    if (c->open) enqueue(fd);
  }
  return -1;
}

int main(int argc, char **argv) {
  if (argc != 4) return fprintf(stderr, "upstream PORT EVENTS INTERVAL_MS\n"), 2;
  events_a_stream = atoi(argv[2]);
  interval = atof(argv[3]);
  struct rlimit files = {MOST, MOST};
  setrlimit(RLIMIT_NOFILE, &files);
  connections = calloc(MOST, sizeof *connections);
  prepare();
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) return perror("upstream: listen"), 1;
  int poll = epoll_create1(0);
  struct epoll_event add = {.events = EPOLLIN, .data.fd = listener}, ready[512];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &add);
  for (;;) {
    int count = epoll_wait(poll, ready, 512, tick());
    for (int i = 0; i < count; i++) {
      int fd = ready[i].data.fd;
      if (fd != listener) {
        if (connections[fd].open) readable(fd);
        continue;
      }
      for (int client; (client = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0;) {
        if (client >= MOST) { close(client); continue; }
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct connection *c = &connections[client];
        int queued = c->queued;
        if (!c->in) c->in = malloc(REQUEST);
        c->open = 1; c->used = 0; c->left = 0; c->queued = queued;
        add = (struct epoll_event){.events = EPOLLIN, .data.fd = client};
        epoll_ctl(poll, EPOLL_CTL_ADD, client, &add);
      }
    }
  }
}
