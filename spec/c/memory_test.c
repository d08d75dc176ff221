/* SPDX-License-Identifier: MIT */
/* Each allocation of each room fails once: what was asked for fails cleanly, and nothing is lost.
 */
#include "base/err.h"
#include "check.h"
#include "clock/clock.h"
#include "cnode/cnode.h"
#include "failing.h"
#include "form/form.h"
#include "http/http.h"
#include "mobizon/mobizon.h"
#include "server.h"
#include "json/wide.h"

/* Runs a scenario until no allocation is left to fail. It gives an error, and leaves nothing. */
static void fail_each(int (*scenario)(void))
{
    size_t first = 0, before = failing.live;
    bool was_reached;
    do {
        failing_from(++first, 1);
        int err = scenario();
        was_reached = failing_end();
        CHECK(err == TQ_OK || (was_reached && err == TQ_ERR_MEMORY));
        CHECK(failing.live == before);
    } while (was_reached);
    CHECK(first > 1);
    CHECK(scenario() == TQ_OK);
}

static int fill_buffer(void)
{
    tq_buf buf;
    int err = TQ_OK;
    tq_buf_init(&buf, 4096);
    for (size_t i = 0; i < 4096 && err == TQ_OK; i++) {
        err = tq_buf_add(&buf, "x", 1);
        CHECK(buf.len == i + (err == TQ_OK));
    }
    tq_buf_free(&buf);
    return err;
}

TEST("a buffer without memory keeps what it has")
{
    fail_each(fill_buffer);
}

static int write_requests(void)
{
    tq_buf out;
    tq_form form;
    tq_buf_init(&out, SIZE_MAX / 2);
    int err = tq_mobizon_encode_status(&out, "123", 3, "key");
    if (err == TQ_OK)
        err = tq_cnode_encode_status(&out, "1&2", 3, "<callback>true</callback>", 25);
    tq_form_init(&form, &out, 4096);
    size_t outer = tq_form_enter(&form, "criteria", 8), inner = tq_form_enter(&form, "from", 4);
    tq_form_add(&form, "a long value, which needs more room than there is at first", 58);
    tq_form_leave(&form, inner);
    tq_form_leave(&form, outer);
    err = err == TQ_OK ? form.err : err;
    tq_form_free(&form);
    tq_buf_free(&out);
    return err;
}

TEST("a request without memory is not written by half")
{
    fail_each(write_requests);
}

static int quote_integers(void)
{
    static const char text[] = "[1234567890123456,2,-12345678901234567890,\"a\",12345678901234567]";
    tq_buf out;
    tq_buf_init(&out, 2 * sizeof text);
    int err = tq_json_quote_wide(text, sizeof text - 1, &out);
    tq_buf_free(&out);
    return err;
}

TEST("wide integers without memory are not quoted")
{
    fail_each(quote_integers);
}

/* Many elements, deep ones, long texts, references, and an encoding of the room's own. */
static size_t write_document(char *out, size_t size)
{
    size_t len = (size_t)snprintf(out, size, "<?xml version='1.0' encoding='KOI8-R'?><a id='x'>");
    for (int i = 0; i < 200; i++)
        len += (size_t)snprintf(out + len, size - len, "<b><c href='#x'/>text %0*d</b>", i, i);
    len += (size_t)snprintf(out + len, size - len, "<e>%05000d</e>", 1);
    for (int i = 0; i < 40; i++)
        len += (size_t)snprintf(out + len, size - len, "<d%d>", i);
    for (int i = 40; i-- > 0;)
        len += (size_t)snprintf(out + len, size - len, "</d%d>", i);
    return len + (size_t)snprintf(out + len, size - len, "</a>");
}

static int read_document(void)
{
    static char document[1 << 16];
    size_t len = write_document(document, sizeof document);
    tq_xml_reader *reader;
    int err = tq_xml_reader_open(&reader, NULL);
    if (err != TQ_OK)
        return err;
    err = tq_xml_read(reader, document, len);
    CHECK((err == TQ_OK) == (tq_xml_root(reader) != NULL));
    bool was_reached = failing_end();
    CHECK(tq_xml_read(reader, document, len) == TQ_OK);
    CHECK(tq_xml_root(reader)->child_count == 202);
    failing.failed = was_reached;
    tq_xml_reader_close(reader);
    return err;
}

TEST("a document without memory is not read, and the next one is")
{
    fail_each(read_document);
}

static server served;

static const tq_http_peer_options *options_of_peer(void)
{
    static char url[64];
    static const tq_http_peer_options options = {
        .base_url = url,
        .user_agent = "taskqueue",
        .username = "user",
        .password = "secret",
        .proxy = "",
        .connect_timeout_ns = TQ_SECOND,
        .request_timeout_ns = TQ_SECOND,
        .max_response_bytes = 1 << 16,
        .max_connections = 1,
    };
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", served.port);
    return &options;
}

static int write_body(tq_transfer *transfer, bool is_multipart)
{
    if (!is_multipart)
        return tq_buf_add_text(tq_transfer_body(transfer), "id=123");
    int err = tq_transfer_add_text(transfer, "id", "123", 3);
    return err == TQ_OK ? tq_transfer_add_file(transfer, "f", "LICENSE", "n", "a/b") : err;
}

/* What goes wrong on the way shows in the reply. */
static int await_reply(tq_http *http)
{
    tq_transfer *transfer;
    int err = TQ_OK;
    while ((transfer = tq_http_take(http)) == NULL && err == TQ_OK)
        err = tq_http_step(http, tq_http_wait_ns(http, tq_clock_now()));
    if (transfer == NULL)
        return err;
    const tq_http_reply *reply = tq_transfer_reply(transfer);
    if (reply->outcome == TQ_HTTP_ANSWERED)
        CHECK(reply->status == 200 && strcmp(reply->body, "hello") == 0);
    else
        CHECK(reply->error[0] != '\0');
    err = reply->outcome == TQ_HTTP_ANSWERED ? TQ_OK : TQ_ERR_MEMORY;
    tq_http_release(transfer);
    return err;
}

static int send_one(tq_http *http, tq_http_peer *peer, const tq_http_target *target,
                    bool is_multipart)
{
    tq_transfer *transfer;
    int err = tq_http_begin(http, peer, &transfer);
    if (err != TQ_OK)
        return err;
    err = write_body(transfer, is_multipart);
    if (err != TQ_OK) {
        tq_http_release(transfer);
        return err;
    }
    tq_http_submit(transfer, target, NULL);
    return await_reply(http);
}

static int send_two(tq_http *http, tq_http_peer *peer)
{
    static const char *const headers[] = {"Accept: text/plain", NULL};
    tq_http_target *target;
    int err = tq_http_target_open(&target, peer, "status", headers);
    if (err != TQ_OK)
        return err;
    err = send_one(http, peer, target, false);
    if (err == TQ_OK)
        err = send_one(http, peer, target, true);
    tq_http_target_close(target);
    return err;
}

static int talk(void)
{
    tq_http *http;
    tq_http_peer *peer;
    int err = tq_http_open(&http, NULL, TQ_HTTP_IN_PLACE);
    if (err != TQ_OK)
        return err;
    err = tq_http_peer_open(&peer, options_of_peer());
    if (err == TQ_OK) {
        err = send_two(http, peer);
        tq_http_peer_close(peer);
    }
    tq_http_close(http);
    return err;
}

/* What went out all the same was whole. */
static void check_requests(void)
{
    for (size_t i = 0; i < served.requests && i < SERVER_LOG; i++) {
        CHECK(strstr(served.log[i], "\r\nAuthorization: Basic dXNlcjpzZWNyZXQ=\r\n") != NULL);
        CHECK(strstr(served.log[i], "\r\nUser-Agent: taskqueue\r\n") != NULL);
        CHECK(strstr(served.log[i], "\r\nAccept: text/plain\r\n") != NULL);
        CHECK(strstr(served.log[i], "123") != NULL);
    }
}

TEST("a request without memory fails, and takes nothing with it")
{
    static const answer hello = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0, false};
    failing_init();
    CHECK(server_start(&served, &hello, 1));
    CHECK(talk() == TQ_OK);
    fail_each(talk);
    server_stop(&served);
    check_requests();
}
