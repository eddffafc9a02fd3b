/*
 * The load of the benches: one request, sent over keep-alive connections, one thread, epoll; prints one JSON object.
 *
 *   load closed PORT FILE CONNECTIONS SECONDS     each connection asks again as soon as it was answered
 *   load open PORT FILE CONNECTIONS SECONDS RATE  RATE requests a second by the clock; a latency counts from when its request was due, so a
 *                                                 server that stalls cannot hide it (coordinated omission)
 *   load streams PORT FILE STREAMS SECONDS        opens STREAMS over SECONDS, reads each to its end; first event, whether all came whole
 *
 * FILE holds the bytes of the request. An answer that is not 2xx, or a connection that breaks, is an error.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 70000, ANSWER = 65536 };
enum mode { CLOSED, OPEN, STREAMS };

struct connection {
  int fd, busy, first;
  double due;
  int used;
  char tail[16];
  char *in;
};

static struct connection *connections;
static struct sockaddr_in server;
static char request[65536];
static int request_length, poll_fd;
static enum mode mode;
static float *latencies;
static long answered, errors, whole;
static int idle[MOST], idle_count;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void join(int i) {
  struct connection *c = &connections[i];
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (struct sockaddr *)&server, sizeof server)) { perror("load: connect"); exit(1); }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event add = {.events = EPOLLIN, .data.u32 = i};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &add);
  c->busy = 0;
}

static void ask(int i, double due) {
  struct connection *c = &connections[i];
  c->busy = 1; c->used = 0; c->first = 0; c->due = due;
  memset(c->tail, 0, sizeof c->tail);
  if (send(c->fd, request, request_length, MSG_NOSIGNAL) != request_length) errors++;
}

static void note(double latency) {
  if (answered < 20000000) latencies[answered] = (float)latency;
  answered++;
}

/* Length of the whole answer when it is there, 0 when more must come, -1 when it is not a 2xx. */
static int complete(struct connection *c) {
  char *blank = memmem(c->in, c->used, "\r\n\r\n", 4);
  if (!blank) return 0;
  if (c->used < 12 || c->in[9] != '2') return -1;
  int length = -1;
  for (char *line = c->in; line < blank; line = strstr(line, "\r\n") + 2)
    if (strncasecmp(line, "content-length:", 15) == 0) length = atoi(line + 15);
  if (length >= 0) return c->used >= blank - c->in + 4 + length;
  return c->used >= 5 && memcmp(c->in + c->used - 5, "0\r\n\r\n", 5) == 0;
}

static void broken(int i) {
  struct connection *c = &connections[i];
  if (c->busy) errors++;
  close(c->fd);
  c->fd = -1;
  c->busy = 0;
  if (mode != STREAMS) join(i);
}

/* A stream is not kept: only its first event, its head and its last bytes matter. */
static int stream_read(int i) {
  struct connection *c = &connections[i];
  static char bytes[ANSWER + 1];
  ssize_t got = read(c->fd, bytes, ANSWER);
  if (got <= 0) { broken(i); return 1; }
  bytes[got] = 0;
  if (!c->first && memmem(bytes, got, "data: ", 6)) { c->first = 1; note(now() - c->due); }
  if (!c->used && got >= 12 && bytes[9] != '2') { errors++; c->busy = 0; close(c->fd); return 1; }
  c->used = 1;
  char joined[ANSWER + 17];
  memcpy(joined, c->tail, 16);
  memcpy(joined + 16, bytes, got);
  int total = got + 16;
  memcpy(c->tail, joined + total - 16, 16);
  if (memcmp(c->tail + 11, "0\r\n\r\n", 5) != 0) return 0;
  c->busy = 0;
  whole++;
  close(c->fd);
  return 1;
}

static int readable(int i, double stop) {
  struct connection *c = &connections[i];
  if (mode == STREAMS) return stream_read(i);
  ssize_t got = read(c->fd, c->in + c->used, ANSWER - c->used);
  if (got <= 0) { broken(i); return 0; }
  c->used += got;
  int state = complete(c);
  if (state == 0) return 0;
  if (state < 0) errors++;
  double t = now();
  note(t - c->due);
  c->busy = 0;
  if (mode == CLOSED) { if (t < stop) ask(i, t); }
  else idle[idle_count++] = i;
  return 1;
}

static int by_value(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static double percentile(double p) {
  if (answered == 0) return 0;
  long at = (long)(p * answered);
  return latencies[at >= answered ? answered - 1 : at];
}

int main(int argc, char **argv) {
  if (argc < 6) return fprintf(stderr, "load closed|open|streams PORT FILE CONNECTIONS SECONDS [RATE]\n"), 2;
  mode = strcmp(argv[1], "closed") == 0 ? CLOSED : strcmp(argv[1], "open") == 0 ? OPEN : STREAMS;
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argv[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  FILE *file = fopen(argv[3], "r");
  if (!file) return perror("load: request"), 1;
  request_length = fread(request, 1, sizeof request, file);
  int count = atoi(argv[4]);
  double seconds = atof(argv[5]), rate = argc > 6 ? atof(argv[6]) : 0;
  struct rlimit files = {MOST, MOST};
  setrlimit(RLIMIT_NOFILE, &files);
  connections = calloc(count, sizeof *connections);
  latencies = malloc(20000000 * sizeof *latencies);
  poll_fd = epoll_create1(0);
  prctl(PR_SET_TIMERSLACK, 1UL);
  if (mode != STREAMS)
    for (int i = 0; i < count; i++) { connections[i].in = malloc(ANSWER); join(i); idle[idle_count++] = i; }

  double start = now(), stop = start + seconds * 1e3;
  long due = 0, running = 0;
  long planned = mode == OPEN ? (long)(rate * seconds) : count;
  if (mode == CLOSED) for (int i = 0; i < count; i++) { ask(i, now()); running++; due++; }
  struct epoll_event ready[512];
  for (;;) {
    double t = now();
    double gap = mode == OPEN ? 1e3 / rate : seconds * 1e3 / count;
    while (mode != CLOSED && due < planned && start + due * gap <= t) {
      if (mode == OPEN) { if (idle_count == 0) break; ask(idle[--idle_count], start + due * gap); }
      else { join(due); ask(due, now()); }
      due++; running++;
    }
    if (mode == CLOSED ? t > stop + 5000 || (t >= stop && running == 0) : due >= planned && running == 0) break;
    if (mode == OPEN && t > stop + 10000) break;
    /* It sleeps to the microsecond and never spins: of two cores it would take one away from whatever is measured. */
    double wait = mode == CLOSED || due >= planned || (mode == OPEN && idle_count == 0) ? 100 : start + due * gap - now();
    struct timespec sleep = {.tv_nsec = wait <= 0 ? 0 : wait > 100 ? 100000000 : (long)(wait * 1e6)};
    int got = epoll_pwait2(poll_fd, ready, 512, &sleep, NULL);
    for (int i = 0; i < got; i++) {
      int id = ready[i].data.u32;
      int over = readable(id, stop);
      if (mode == CLOSED ? over && !connections[id].busy : over) running--;
    }
  }
  double took = (now() - start) / 1e3;
  if (mode == CLOSED) took = seconds;
  if (answered > 20000000) answered = 20000000;
  qsort(latencies, answered, sizeof *latencies, by_value);
  printf("{\"answered\":%ld,\"errors\":%ld,\"whole\":%ld,\"seconds\":%.3f,\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f}\n", answered, errors, whole, took,
         percentile(0.5), percentile(0.99), percentile(1));
}
