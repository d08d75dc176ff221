/* SPDX-License-Identifier: MIT */
/* All encodings that the reader knows, but for UTF-16, have ASCII's bytes for ASCII's characters.
 * In UTF-16 there is no gap: the byte behind that of an end tag's '<' is no '/'. */
#include "xml/shape.h"

#include <string.h>

#include "base/err.h"

void tq_xml_shape_begin(tq_xml_shape *shape)
{
    shape->is_known = false;
    shape->count = 0;
}

static bool is_gap(const tq_xml_element *element, const char *bytes, size_t start, size_t end)
{
    return bytes[end + 1] == '/' && element->text_len == end - start &&
           memcmp(element->text, bytes + start, end - start) == 0;
}

void tq_xml_shape_gap(tq_xml_shape *shape, tq_xml_element *element, const char *bytes, size_t start,
                      size_t end)
{
    if (shape->count == TQ_XML_SHAPE_GAPS || !is_gap(element, bytes, start, end))
        return;
    shape->gaps[shape->count++] =
        (tq_xml_gap){.element = element, .start = start, .len = end - start};
}

void tq_xml_shape_end(tq_xml_shape *shape, const char *bytes, size_t len, size_t text_len)
{
    shape->bytes.max = TQ_XML_SHAPE_BYTES;
    shape->texts.max = TQ_XML_SHAPE_BYTES + TQ_XML_SHAPE_GAPS;
    tq_buf_cut(&shape->bytes, 0);
    shape->fixed_text = text_len;
    for (size_t i = 0; i < shape->count; i++)
        shape->fixed_text -= shape->gaps[i].len;
    shape->is_known = tq_buf_add(&shape->bytes, bytes, len) == TQ_OK;
}

/* Nothing but characters that stand for themselves, in all encodings? */
static bool is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < ' ' && c != '\n' && c != '\t') || c > '~' || c == '&' || c == '>')
            return false;
    }
    return true;
}

typedef struct document {
    const char *bytes;
    size_t len, at;
} document;

/* Goes on behind the next `len` bytes, when they are the shape's from there on. */
static bool skip(document *next, const tq_xml_shape *shape, size_t from, size_t len)
{
    if (len > next->len - next->at ||
        memcmp(next->bytes + next->at, shape->bytes.data + from, len) != 0)
        return false;
    next->at += len;
    return true;
}

/* Finds the text at a gap, which ends where markup begins, and goes on behind it. */
static bool take_text(document *next, const tq_xml_shape *shape, tq_xml_gap *gap)
{
    const char *text = next->bytes + next->at;
    const char *end = memchr(text, '<', next->len - next->at);
    if (end == NULL)
        return false;
    gap->at = next->at;
    gap->now = (size_t)(end - text);
    next->at += gap->now;
    bool is_same =
        gap->now == gap->len && memcmp(text, shape->bytes.data + gap->start, gap->len) == 0;
    return is_same || is_plain(text, gap->now);
}

static bool has_shape(document next, tq_xml_shape *shape)
{
    size_t from = 0;
    for (size_t i = 0; i < shape->count; i++) {
        tq_xml_gap *gap = &shape->gaps[i];
        if (!skip(&next, shape, from, gap->start - from) || !take_text(&next, shape, gap))
            return false;
        from = gap->start + gap->len;
    }
    return skip(&next, shape, from, shape->bytes.len - from) && next.at == next.len;
}

static size_t count_text(const tq_xml_shape *shape)
{
    size_t count = shape->fixed_text;
    for (size_t i = 0; i < shape->count; i++)
        count += shape->gaps[i].now;
    return count;
}

static bool copy_texts(tq_xml_shape *shape, const char *bytes)
{
    int err = TQ_OK;
    tq_buf_cut(&shape->texts, 0);
    for (size_t i = 0; err == TQ_OK && i < shape->count; i++) {
        const tq_xml_gap *gap = &shape->gaps[i];
        err = tq_buf_add(&shape->texts, bytes + gap->at, gap->now);
        if (err == TQ_OK)
            err = tq_buf_add(&shape->texts, "", 1);
    }
    return err == TQ_OK;
}

bool tq_xml_shape_fits(tq_xml_shape *shape, const char *bytes, size_t len, size_t max_text)
{
    if (!shape->is_known || len > TQ_XML_SHAPE_BYTES ||
        !has_shape((document){bytes, len, 0}, shape) || count_text(shape) > max_text ||
        !copy_texts(shape, bytes))
        return false;
    const char *text = shape->texts.data;
    for (size_t i = 0; i < shape->count; i++) {
        const tq_xml_gap *gap = &shape->gaps[i];
        gap->element->text = text;
        gap->element->text_len = gap->now;
        text += gap->now + 1;
    }
    return true;
}

void tq_xml_shape_free(tq_xml_shape *shape)
{
    tq_buf_free(&shape->bytes);
    tq_buf_free(&shape->texts);
    tq_xml_shape_begin(shape);
}
