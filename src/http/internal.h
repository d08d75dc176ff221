/* SPDX-License-Identifier: MIT */
#ifndef TQ_HTTP_INTERNAL_H
#define TQ_HTTP_INTERNAL_H
/*
 * What the files of this room share: transport.c (libcurl's multi handles; what makes them work is
 * behind driver.h), peer.c (options, targets and the handles at rest), target.c, transfer.c (one
 * request and its reply), header.c (of the reply), url.c, play.c (requests that somebody answers in
 * this process), and thread.c with worker.c (a thread of their own for the multi handles).
 *
 * A transfer is in one list at a time: its peer's `live`, `queue`, `idle` or `leaving`, or the
 * transport's `done`. One that is leaving has been released, and a thread has its handle still.
 */
#include "http/libcurl.h"

#include "base/siphash.h"
#include "http/driver.h"
#include "http/http.h"

typedef struct tq_list {
    tq_transfer *first;
    tq_transfer *last;
    size_t count;
} tq_list;

typedef enum tq_transfer_state {
    TQ_TRANSFER_IDLE,   /* at rest, its handle to be used again */
    TQ_TRANSFER_BEGUN,  /* live: being filled in */
    TQ_TRANSFER_QUEUED, /* waiting for room */
    TQ_TRANSFER_ACTIVE, /* live: in libcurl's hands */
    TQ_TRANSFER_DONE,   /* ended, to be taken */
    TQ_TRANSFER_TAKEN,  /* live: its reply is being read */
    TQ_TRANSFER_LEAVING /* released, to come back from the thread */
} tq_transfer_state;

enum { TQ_LONGEST_DATE = 64 };

/* Times are in whole seconds, dates since 1970; -1 where there is none that can be read. */
typedef struct tq_http_headers {
    bool has_end; /* the line that ends them came */
    size_t bytes; /* of all headers, those of interim replies and trailers too */
    int64_t retry_seconds;
    int64_t retry_date;
    char date[TQ_LONGEST_DATE]; /* as it stands: few replies need it to be read */
} tq_http_headers;

/*
 * One of libcurl's multi handles. libcurl looks through the connections of one to a host for a free
 * one, so that a request costs more the more there are: transfers are spread over several. Each
 * stays with its shard, where its connection is.
 */
typedef struct tq_shard {
    CURLM *multi;
    size_t transfers; /* at rest or not */
} tq_shard;

/* What the thread and the worker both look at, under the lock (thread.h). */
typedef struct tq_mail {
    tq_transfer *next_recalled, *next_noted;
    int64_t sent_ns;
    unsigned untold; /* times that it went out since the worker heard of it */
    bool is_recalled;
    bool is_returned;
} tq_mail;

/* What a transfer has of its gate's budget. */
typedef enum tq_slot { TQ_SLOT_NONE, TQ_SLOT_TAKEN, TQ_SLOT_USED } tq_slot;

struct tq_transfer {
    tq_transfer *next, *prev;
    tq_http *http;
    tq_http_peer *peer;
    tq_shard *shard; /* NULL for a doomed one that has left it */
    CURL *easy;
    tq_http_target *own_target;
    tq_fence *fence;
    tq_gate *gate;
    tq_mark expected;
    curl_mime *mime;
    void *owner;
    tq_transfer_state state;
    bool send_once;
    bool is_too_big;
    bool is_late; /* its fence was passed before it was sent */
    bool is_pinned;
    bool is_played;
    bool is_asked;  /* whoever plays has seen it */
    bool is_doomed; /* released while it was pinned; its peer may be gone, and is NULL then */
    unsigned times_sent;
    uint64_t number; /* of a played request */
    const tq_http_target *target;
    uint64_t target_number; /* what the handle is set to; 0 for nothing yet */
    const struct curl_slist *headers_set;
    tq_transfer *next_played;
    tq_mail mail;
    tq_transfer *next_posted; /* in the mailbox, or with the thread */
    CURLcode result;          /* of the thread, as the next three */
    bool is_out;              /* of libcurl's hands */
    bool is_let_go;           /* its recall was obeyed */
    bool is_finished;         /* among those that are to be handed back */
    tq_slot slot;
    tq_buf request;
    tq_buf body;
    tq_http_headers headers;
    tq_http_reply reply;
    char error[CURL_ERROR_SIZE];
};

struct tq_http_target {
    CURLU *url;                 /* without path and query where there is a `line` */
    char *text;                 /* all of it */
    const char *line;           /* in `text`, path and query; NULL where libcurl knows them */
    struct curl_slist *headers; /* the first one, "Expect:", is for large bodies alone */
    uint64_t number;            /* no two of a peer have the same */
    size_t holders;             /* transfers with a thread, which looks at it */
};

struct tq_http_peer {
    tq_http_peer_options options; /* its strings are owned */
    tq_http *http;                /* the transport of its transfers, NULL before the first */
    tq_http_peer *next, *prev;    /* in the transport's list */
    size_t active;
    uint64_t targets_made;
    tq_list live;
    tq_list queue;
    tq_list idle;
    tq_list leaving;
};

typedef struct tq_thread tq_thread;

struct tq_http {
    tq_driver *driver;
    tq_thread *thread; /* NULL in place */
    tq_shard shards[TQ_DRIVER_MOST];
    size_t shard_count;
    size_t in_flight;
    unsigned forks;     /* of the process whose it is */
    tq_siphash_key key; /* of the marks of replies */
    bool has_key;
    tq_http_on_sent *on_sent;
    tq_http_peer *peers;
    tq_list done;
    bool is_played;
    uint64_t played_count;
    tq_transfer *played; /* in the order of their sending */
};

void tq_list_append(tq_list *list, tq_transfer *transfer);
void tq_list_remove(tq_list *list, tq_transfer *transfer);

/* transport.c: into a shard that has room, and out of it; the latter can be repeated. */
void tq_http_join_shard(tq_http *http, tq_transfer *transfer);
void tq_http_leave_shard(tq_transfer *transfer);
/* transport.c: into libcurl's hands, and out of them again: false when a thread still has it. */
int tq_http_start(tq_http *http, tq_transfer *transfer);
bool tq_http_stop(tq_http *http, tq_transfer *transfer);
/* transport.c: a transfer that is over and in nobody's hands any more is to be taken. */
void tq_http_finish(tq_http *http, tq_transfer *transfer);
/* transport.c: when it ended, and the mark of its reply, if that is whole. */
void tq_http_note_end(tq_transfer *transfer, CURLcode result, int64_t now);
/* transport.c: hands each transfer that libcurl is through with to `finish`. */
typedef void tq_http_finisher(tq_http *http, tq_transfer *transfer, CURLcode result);
void tq_http_collect(tq_http *http, tq_http_finisher *finish);
/* play.c: the same as start and stop for a request that is played. */
void tq_play_start(tq_http *http, tq_transfer *transfer);
void tq_play_stop(tq_http *http, tq_transfer *transfer);

/* peer.c: joins a transport, leaves it with all transfers released, starts what is queued. */
void tq_http_peer_attach(tq_http_peer *peer, tq_http *http);
void tq_http_peer_detach(tq_http_peer *peer);
/* peer.c: leaves it with its transfers forgotten, which are another process's. */
void tq_http_peer_abandon(tq_http_peer *peer);
void tq_http_peer_advance(tq_http_peer *peer);
/* peer.c: one that has left comes back from the thread. */
void tq_http_reclaim(tq_transfer *transfer);
/* peer.c: ends one that is in no list, for want of memory. */
void tq_http_fail_unstarted(tq_transfer *transfer);

/* target.c: the target stays until it has been closed once more. */
void tq_http_target_hold(const tq_http_target *target);
/* target.c: sets the handle to it, unless it is already. False when there is no memory. */
bool tq_http_target_set(tq_transfer *transfer, const tq_http_target *target);

/* url.c: 0, TQ_ERR_MEMORY, or TQ_ERR_INVALID for one that no peer can have. */
int tq_http_check_base_url(const char *text);
/* url.c: what libcurl's URL functions answer, as 0, TQ_ERR_MEMORY or TQ_ERR_INVALID. */
int tq_http_of_url(CURLUcode code);

/* header.c: takes in one line; how long to wait as the server wishes, or -1. */
void tq_http_headers_reset(tq_http_headers *headers);
void tq_http_headers_add(tq_http_headers *headers, const char *line, size_t len);
int64_t tq_http_headers_retry_ns(const tq_http_headers *headers, CURL *easy);

/* transfer.c */
int tq_transfer_new(tq_http_peer *peer, tq_transfer **out);
void tq_transfer_free(tq_transfer *transfer);
void tq_transfer_end(tq_transfer *transfer, CURLcode result);
void tq_transfer_note_sent(tq_transfer *transfer, int64_t now);
/* Its reply is whole. */
void tq_transfer_mark(tq_transfer *transfer, int32_t status);

#endif
