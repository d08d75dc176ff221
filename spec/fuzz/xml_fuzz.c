/* SPDX-License-Identifier: MIT */
/* Any document through the XML reader, and what both services make of its tree. */
#include <string.h>

#include "base/err.h"
#include "cnode/cnode.h"
#include "fuzz.h"
#include "mobizon/mobizon.h"

static void check_tree(const tq_xml_element *element, size_t depth, size_t *elements)
{
    size_t children = 0;
    MUST(depth <= TQ_XML_DEPTH && ++*elements <= TQ_XML_ELEMENTS);
    MUST(element->name_len > 0 && strlen(element->name) == element->name_len);
    MUST(strlen(element->text) == element->text_len);
    MUST(element->is_reference || element->target == NULL);
    for (const tq_xml_element *child = element->first_child; child != NULL; child = child->next) {
        check_tree(child, depth + 1, elements);
        children++;
    }
    MUST(element->child_count == children);
}

static void check_same(const tq_xml_element *a, const tq_xml_element *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        MUST(strcmp(a->name, b->name) == 0 && strcmp(a->text, b->text) == 0);
        MUST(a->is_reference == b->is_reference && (a->target == NULL) == (b->target == NULL));
        check_same(a->first_child, b->first_child);
    }
    MUST(a == NULL && b == NULL);
}

static void check_reading(const tq_reading *reading)
{
    MUST(reading->state >= TQ_PENDING && reading->state <= TQ_FAILED);
    MUST(reading->progress >= TQ_NO_PROGRESS && reading->progress <= 100);
}

static void check_services(const tq_xml_element *root)
{
    tq_reading reading;
    const tq_xml_element *payload = tq_cnode_payload(root);
    if (payload != NULL && !tq_cnode_is_fault(payload) &&
        tq_cnode_read_status(tq_cnode_fields(payload), &reading))
        check_reading(&reading);
    if (!tq_mobizon_read_status(root, &reading))
        return;
    check_reading(&reading);
    MUST(tq_reading_is_end(&reading) == (reading.code == 2 || reading.code == 3));
}

static void check_error(const char *error)
{
    MUST(error[0] != '\0');
    for (; *error != '\0'; error++)
        MUST(*error >= ' ' && *error <= '~');
}

/* A reader that has read other documents reads this one as a new one does. */
static void check_fresh(const tq_xml_reader *used, int err, const char *bytes, size_t len)
{
    tq_xml_reader *fresh;
    MUST(tq_xml_reader_open(&fresh, NULL) == TQ_OK);
    MUST(tq_xml_read(fresh, bytes, len) == err);
    MUST(strcmp(tq_xml_error(fresh), tq_xml_error(used)) == 0);
    check_same(tq_xml_root(fresh), tq_xml_root(used));
    tq_xml_reader_close(fresh);
}

/* So it does with a document that differs from the last one by one byte. */
static void check_changed(tq_xml_reader *used, const char *bytes, size_t len)
{
    char changed[4096];
    if (len == 0 || len > sizeof changed)
        return;
    memcpy(changed, bytes, len);
    size_t at = ((unsigned char)bytes[0] * 256U + (unsigned char)bytes[len - 1]) % len;
    changed[at] = bytes[len / 2];
    check_fresh(used, tq_xml_read(used, changed, len), changed, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tq_xml_reader *reader;
    const char *bytes = (const char *)data;
    size_t elements = 0;
    if (reader == NULL)
        MUST(tq_xml_reader_open(&reader, NULL) == TQ_OK);
    int err = tq_xml_read(reader, bytes, size);
    MUST((err == TQ_OK) == (tq_xml_root(reader) != NULL));
    if (err == TQ_OK)
        check_tree(tq_xml_root(reader), 1, &elements);
    else
        check_error(tq_xml_error(reader));
    check_services(tq_xml_root(reader));
    check_fresh(reader, err, bytes, size);
    check_changed(reader, bytes, size);
    return 0;
}
