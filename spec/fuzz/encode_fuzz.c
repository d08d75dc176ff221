/* SPDX-License-Identifier: MIT */
/* Whatever the encoders take comes out again at a decoder that knows nothing of them. */
#include <string.h>

#include "base/err.h"
#include "cnode/cnode.h"
#include "form/form.h"
#include "fuzz.h"
#include "mobizon/mobizon.h"
#include "xml/writer.h"

enum { LONGEST_NAME = 64, LONGEST_BODY = 1024, DEEPEST = 8 };

static int hex_value(char c)
{
    MUST((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Undoes the encoding of a name or a value up to what ends it; gives where that is. */
static size_t decode(const tq_buf *form, size_t at, tq_buf *out)
{
    for (; at < form->len && form->data[at] != '&' && form->data[at] != '='; at++) {
        char c = form->data[at];
        if (c == '%') {
            MUST(at + 2 < form->len);
            c = (char)(hex_value(form->data[at + 1]) * 16 + hex_value(form->data[at + 2]));
            at += 2;
        } else if (c == '+') {
            c = ' ';
        } else {
            MUST((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                 c == '-' || c == '_' || c == '.');
        }
        MUST(tq_buf_add(out, &c, 1) == TQ_OK);
    }
    return at;
}

static void check_part(const tq_buf *form, size_t *at, const char *text, size_t len)
{
    tq_buf decoded;
    tq_buf_init(&decoded, SIZE_MAX / 2);
    *at = decode(form, *at, &decoded);
    MUST(decoded.len == len && (len == 0 || memcmp(decoded.data, text, len) == 0));
    tq_buf_free(&decoded);
}

/* The field that was added at `start` stands there, or nothing was added. */
static void check_field(const tq_form *form, size_t start, const char *value, size_t len)
{
    size_t at = start;
    if (form->err != TQ_OK) {
        MUST(form->out->len == start);
        return;
    }
    if (start > 0)
        MUST(form->out->data[at++] == '&');
    check_part(form->out, &at, form->name.data, form->name.len);
    MUST(form->out->data[at++] == '=');
    check_part(form->out, &at, value, len);
    MUST(at == form->out->len);
}

/* One byte tells what comes: a level down, a level up or a value; the low bits how long it is. */
static void write_form(input in)
{
    tq_buf out;
    tq_form form;
    size_t marks[DEEPEST], depth = 0;
    tq_buf_init(&out, LONGEST_BODY);
    tq_form_init(&form, &out, LONGEST_NAME);
    while (in.len > 0) {
        unsigned char what = take_byte(&in);
        size_t len = what & 31, start = out.len;
        const char *text = take_bytes(&in, &len);
        if (what < 96 && depth < DEEPEST) {
            marks[depth++] = tq_form_enter(&form, text, len);
        } else if (what < 192) {
            tq_form_add(&form, text, len);
            check_field(&form, start, text, len);
        } else if (depth > 0) {
            tq_form_leave(&form, marks[--depth]);
        }
    }
    tq_form_free(&form);
    tq_buf_free(&out);
}

static void check_argument(const tq_buf *request, const char *text, size_t len)
{
    tq_xml_reader *reader;
    MUST(tq_xml_reader_open(&reader, NULL) == TQ_OK);
    MUST(tq_xml_read(reader, request->data, request->len) == TQ_OK);
    const tq_xml_element *payload = tq_cnode_payload(tq_xml_root(reader));
    const tq_xml_element *id = tq_xml_child(payload, "taskId");
    MUST(payload->child_count == 1 && id != NULL && id->child_count == 0);
    MUST(id->text_len == len && memcmp(id->text, text, len) == 0);
    tq_xml_reader_close(reader);
}

/* Both services' status requests for a task of that name. */
static void write_status(const char *id, size_t len)
{
    tq_buf out;
    size_t at = 3;
    tq_buf_init(&out, SIZE_MAX / 2);
    int err = tq_cnode_encode_status(&out, id, len, "", 0);
    MUST(err == TQ_OK || err == TQ_ERR_INVALID);
    if (err == TQ_OK)
        check_argument(&out, id, len);
    tq_buf_cut(&out, 0);
    MUST(tq_mobizon_encode_status(&out, id, len, NULL) == TQ_OK);
    MUST(memcmp(out.data, "id=", 3) == 0);
    check_part(&out, &at, id, len);
    MUST(at == out.len);
    tq_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_form((input){data, size});
    write_status((const char *)data, size);
    return 0;
}
