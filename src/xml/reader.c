/* SPDX-License-Identifier: MIT */
/*
 * The texts of the open elements lie on a stack, the root's lowest, so that the innermost can
 * always grow; a text moves to the arena when its element ends. expat may call back even after it
 * was told to stop: nothing is done then once `err` is set.
 */
#include "xml/reader.h"

#include <expat.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "xml/arena.h"
#include "xml/encoding.h"
#include "xml/shape.h"

/* expat holds on to all memory that its largest document took, so after one beyond either of these
 * the parser and the stacks are made anew. */
enum { KEPT_DOCUMENT = 1 << 15, KEPT_LEVELS = 1 << 8, FIRST_LEVELS = 1 << 4 };

typedef struct level {
    tq_xml_element *element;
    const tq_xml_element **link; /* where its next child is written down */
    size_t text_start;           /* on the stack of texts */
    size_t inside;               /* the place in the document behind its start tag */
} level;

/* An id or a reference to one. */
typedef struct label {
    const char *name;
    tq_xml_element *element;
    struct label *next;
} label;

typedef struct labels {
    label *first;
    size_t count;
} labels;

struct tq_xml_reader {
    tq_xml_limits limits; /* SIZE_MAX for none */
    unsigned long salt;   /* 0: expat draws one for each document */
    XML_Parser parser;    /* NULL until it is needed */
    tq_xml_arena arena;
    tq_xml_element document; /* the root's parent */
    const char *bytes;       /* what is being parsed */
    tq_xml_shape shape;
    level *levels; /* the document, and the open elements */
    size_t level_count, level_capacity;
    tq_buf texts;
    size_t element_count, text_len;
    labels ids, references;
    int err;
    char error[128];
};

static size_t limit_or_none(size_t limit)
{
    return limit != 0 ? limit : SIZE_MAX;
}

const char *tq_xml_version(void)
{
    return XML_ExpatVersion();
}

int tq_xml_reader_open(tq_xml_reader **out, const tq_xml_limits *limits)
{
    static const tq_xml_limits usual = {TQ_XML_DEPTH, TQ_XML_ELEMENTS, TQ_XML_TEXT};
    tq_xml_reader *reader = calloc(1, sizeof *reader);
    *out = reader;
    if (reader == NULL)
        return TQ_ERR_MEMORY;
    if (limits == NULL)
        limits = &usual;
    reader->limits = (tq_xml_limits){limit_or_none(limits->depth), limit_or_none(limits->elements),
                                     limit_or_none(limits->text)};
    tq_buf_init(&reader->texts, SIZE_MAX);
    if (getentropy(&reader->salt, sizeof reader->salt) != 0)
        reader->salt = 0;
    return TQ_OK;
}

/* Gives back what does not belong to the tree. */
static void free_tools(tq_xml_reader *reader)
{
    if (reader->parser != NULL)
        XML_ParserFree(reader->parser);
    reader->parser = NULL;
    free(reader->levels);
    reader->levels = NULL;
    reader->level_capacity = 0;
    tq_buf_free(&reader->texts);
}

void tq_xml_reader_close(tq_xml_reader *reader)
{
    if (reader == NULL)
        return;
    free_tools(reader);
    tq_xml_arena_free(&reader->arena);
    tq_xml_shape_free(&reader->shape);
    free(reader);
}

/* Ends the document at the place where the parser stands. */
static void fail(tq_xml_reader *reader, int err, const char *why)
{
    reader->err = err;
    snprintf(reader->error, sizeof reader->error, "line %lu, column %lu: %s",
             (unsigned long)XML_GetCurrentLineNumber(reader->parser),
             (unsigned long)XML_GetCurrentColumnNumber(reader->parser) + 1, why);
    XML_StopParser(reader->parser, XML_FALSE);
}

static void fail_limit(tq_xml_reader *reader, const char *what, size_t limit)
{
    char why[64];
    snprintf(why, sizeof why, "%s %zu", what, limit);
    fail(reader, TQ_ERR_TOO_BIG, why);
}

/* The place behind the tag that the parser stands at; 0 before it has begun. */
static size_t place_behind_tag(const tq_xml_reader *reader)
{
    if (reader->level_count == 0)
        return 0;
    return (size_t)XML_GetCurrentByteIndex(reader->parser) +
           (size_t)XML_GetCurrentByteCount(reader->parser);
}

static bool push(tq_xml_reader *reader, tq_xml_element *element)
{
    if (reader->level_count == reader->level_capacity) {
        size_t capacity = reader->level_capacity != 0 ? 2 * reader->level_capacity : FIRST_LEVELS;
        level *levels = realloc(reader->levels, capacity * sizeof *levels);
        if (levels == NULL)
            return false;
        reader->levels = levels;
        reader->level_capacity = capacity;
    }
    size_t inside = place_behind_tag(reader);
    reader->levels[reader->level_count++] =
        (level){element, &element->first_child, reader->texts.len, inside};
    return true;
}

/* A name that ends with a colon has no prefix. */
static const char *local_name(const char *name, size_t *len)
{
    const char *local = name, *at = name;
    for (; *at != '\0'; at++)
        if (*at == ':' && at[1] != '\0')
            local = at + 1;
    *len = (size_t)(at - local);
    return local;
}

static tq_xml_element *new_element(tq_xml_arena *arena, const char *full_name)
{
    size_t len;
    const char *name = local_name(full_name, &len);
    tq_xml_element *element = tq_xml_arena_take(arena, sizeof *element + len + 1);
    if (element == NULL)
        return NULL;
    char *copy = memcpy(element + 1, name, len + 1);
    *element = (tq_xml_element){.name = copy, .name_len = len, .text = ""};
    return element;
}

static bool add_label(tq_xml_reader *reader, labels *list, tq_xml_element *element,
                      const char *name)
{
    size_t len = strlen(name);
    label *added = tq_xml_arena_take(&reader->arena, sizeof *added + len + 1);
    if (added == NULL)
        return false;
    *added = (label){memcpy(added + 1, name, len + 1), element, list->first};
    list->first = added;
    list->count++;
    return true;
}

/* Notes the attributes that multi-reference values are made of. */
static bool note_labels(tq_xml_reader *reader, tq_xml_element *element, const char **attributes)
{
    bool noted = true;
    for (; noted && attributes[0] != NULL; attributes += 2) {
        if (strcmp(attributes[0], "id") == 0) {
            noted = add_label(reader, &reader->ids, element, attributes[1]);
        } else if (strcmp(attributes[0], "href") == 0 && attributes[1][0] == '#') {
            element->is_reference = true;
            noted = add_label(reader, &reader->references, element, attributes[1] + 1);
        }
    }
    return noted;
}

/* Lets each reference point to the element of its name. */
static void resolve(tq_xml_reader *reader)
{
    for (label *reference = reader->references.first; reference != NULL;
         reference = reference->next) {
        const label *id = reader->ids.first;
        while (id != NULL && strcmp(id->name, reference->name) != 0)
            id = id->next;
        reference->element->target = id != NULL ? id->element : NULL;
    }
}

static bool enter(tq_xml_reader *reader, const char *name, const char **attributes)
{
    tq_xml_element *element = new_element(&reader->arena, name);
    if (element == NULL)
        return false;
    level *parent = &reader->levels[reader->level_count - 1];
    *parent->link = element;
    parent->link = &element->next;
    parent->element->child_count++;
    reader->element_count++;
    return note_labels(reader, element, attributes) && push(reader, element);
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    tq_xml_reader *reader = data;
    if (reader->err != TQ_OK)
        return;
    if (reader->level_count > reader->limits.depth)
        fail_limit(reader, "nested deeper than", reader->limits.depth);
    else if (reader->element_count == reader->limits.elements)
        fail_limit(reader, "more elements than", reader->limits.elements);
    else if (!enter(reader, name, attributes))
        fail(reader, TQ_ERR_MEMORY, "out of memory");
    else if (reader->ids.count > TQ_XML_REFERENCES || reader->references.count > TQ_XML_REFERENCES)
        fail_limit(reader, "more references than", TQ_XML_REFERENCES);
}

static void XMLCALL on_text(void *data, const XML_Char *text, int len)
{
    tq_xml_reader *reader = data;
    size_t size = (size_t)len;
    if (reader->err != TQ_OK)
        return;
    if (size > reader->limits.text - reader->text_len)
        fail_limit(reader, "more bytes of text than", reader->limits.text);
    else if (tq_buf_add(&reader->texts, text, size) != TQ_OK)
        fail(reader, TQ_ERR_MEMORY, "out of memory");
    else
        reader->text_len += size;
}

/* Moves the text of the element that has ended to the arena. */
static bool keep_text(tq_xml_reader *reader, const level *ended)
{
    size_t len = reader->texts.len - ended->text_start;
    if (len == 0)
        return true;
    char *text = tq_xml_arena_take(&reader->arena, len + 1);
    if (text == NULL)
        return false;
    ended->element->text = memcpy(text, reader->texts.data + ended->text_start, len + 1);
    ended->element->text_len = len;
    tq_buf_cut(&reader->texts, ended->text_start);
    return true;
}

/* An empty element's tag was its start: no bytes are left for its end. */
static void XMLCALL on_end(void *data, const XML_Char *name)
{
    tq_xml_reader *reader = data;
    (void)name;
    if (reader->err != TQ_OK)
        return;
    const level *ended = &reader->levels[--reader->level_count];
    if (!keep_text(reader, ended))
        fail(reader, TQ_ERR_MEMORY, "out of memory");
    else if (ended->element->child_count == 0 && XML_GetCurrentByteCount(reader->parser) > 0)
        tq_xml_shape_gap(&reader->shape, ended->element, reader->bytes, ended->inside,
                         (size_t)XML_GetCurrentByteIndex(reader->parser));
}

/* Comes before anything of the declaration's subset is read. */
static void XMLCALL on_doctype(void *data, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_subset;
    fail(data, TQ_ERR_INVALID, "document type declaration");
}

static int XMLCALL on_encoding(void *data, const XML_Char *name, XML_Encoding *encoding)
{
    (void)data;
    encoding->convert = NULL;
    encoding->release = NULL;
    return tq_xml_encoding_map(name, encoding->map) ? XML_STATUS_OK : XML_STATUS_ERROR;
}

/* A reset forgets the handlers and the salt. */
static bool prepare_parser(tq_xml_reader *reader)
{
    if (reader->parser != NULL)
        XML_ParserReset(reader->parser, NULL);
    else
        reader->parser = XML_ParserCreate(NULL);
    if (reader->parser == NULL)
        return false;
    XML_SetHashSalt(reader->parser, reader->salt);
    XML_SetUserData(reader->parser, reader);
    XML_SetElementHandler(reader->parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader->parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
    XML_SetUnknownEncodingHandler(reader->parser, on_encoding, NULL);
    return true;
}

static bool prepare(tq_xml_reader *reader)
{
    tq_xml_shape_begin(&reader->shape);
    tq_xml_arena_reset(&reader->arena);
    tq_buf_cut(&reader->texts, 0);
    reader->document = (tq_xml_element){0};
    reader->level_count = reader->element_count = reader->text_len = 0;
    reader->ids = reader->references = (labels){0};
    reader->err = TQ_OK;
    reader->error[0] = '\0';
    return push(reader, &reader->document) && prepare_parser(reader);
}

static void parse(tq_xml_reader *reader, const char *bytes, size_t len)
{
    reader->bytes = bytes;
    if (XML_Parse(reader->parser, bytes, (int)len, XML_TRUE) == XML_STATUS_OK ||
        reader->err != TQ_OK)
        return;
    enum XML_Error code = XML_GetErrorCode(reader->parser);
    fail(reader, code == XML_ERROR_NO_MEMORY ? TQ_ERR_MEMORY : TQ_ERR_INVALID,
         XML_ErrorString(code));
}

static void fail_early(tq_xml_reader *reader, int err, const char *why)
{
    reader->err = err;
    snprintf(reader->error, sizeof reader->error, "%s", why);
}

static int read_anew(tq_xml_reader *reader, const char *bytes, size_t len)
{
    if (!prepare(reader))
        fail_early(reader, TQ_ERR_MEMORY, "out of memory");
    else if (len > INT_MAX)
        fail_early(reader, TQ_ERR_TOO_BIG, "longer than 2 GiB");
    else
        parse(reader, bytes, len);
    if (reader->err == TQ_OK) {
        resolve(reader);
        tq_xml_shape_end(&reader->shape, bytes, len, reader->text_len);
    }
    if (len > KEPT_DOCUMENT || reader->level_capacity > KEPT_LEVELS)
        free_tools(reader);
    return reader->err;
}

int tq_xml_read(tq_xml_reader *reader, const char *bytes, size_t len)
{
    if (tq_xml_shape_fits(&reader->shape, bytes, len, reader->limits.text))
        return TQ_OK;
    return read_anew(reader, bytes, len);
}

const char *tq_xml_error(const tq_xml_reader *reader)
{
    return reader->error;
}

const tq_xml_element *tq_xml_root(const tq_xml_reader *reader)
{
    return reader->err == TQ_OK ? reader->document.first_child : NULL;
}

const tq_xml_element *tq_xml_child(const tq_xml_element *element, const char *name)
{
    if (element == NULL)
        return NULL;
    const tq_xml_element *child = element->first_child;
    while (child != NULL && strcmp(child->name, name) != 0)
        child = child->next;
    return child;
}

const tq_xml_element *tq_xml_value(const tq_xml_element *element)
{
    for (int steps = 0; element != NULL && element->is_reference; steps++)
        element = steps < TQ_XML_DEPTH ? element->target : NULL;
    return element;
}
