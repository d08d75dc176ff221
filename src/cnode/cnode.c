/* SPDX-License-Identifier: MIT */
#include "cnode/cnode.h"

#include <string.h>

#include "base/err.h"
#include "xml/writer.h"

static const char head[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<SOAP-ENV:Envelope"
    " xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\""
    " xmlns:SOAP-ENC=\"http://schemas.xmlsoap.org/soap/encoding/\""
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""
    " xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\""
    " xmlns:ns=\"ns1\">"
    "<SOAP-ENV:Body SOAP-ENV:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><ns:";

int tq_cnode_begin(tq_buf *out, const char *operation)
{
    int err = tq_buf_add(out, head, sizeof head - 1);
    if (err == TQ_OK)
        err = tq_buf_add_text(out, operation);
    return err == TQ_OK ? tq_buf_add_text(out, ">") : err;
}

int tq_cnode_end(tq_buf *out, const char *operation)
{
    int err = tq_buf_add_text(out, "</ns:");
    if (err == TQ_OK)
        err = tq_buf_add_text(out, operation);
    return err == TQ_OK ? tq_buf_add_text(out, "></SOAP-ENV:Body></SOAP-ENV:Envelope>\n") : err;
}

int tq_cnode_add_argument(tq_buf *out, const char *name, const char *text, size_t len)
{
    size_t start = out->len;
    int err = tq_xml_open(out, name);
    if (err == TQ_OK)
        err = tq_xml_add_text(out, text, len);
    if (err == TQ_OK)
        err = tq_xml_shut(out, name);
    if (err != TQ_OK)
        tq_buf_cut(out, start);
    return err;
}

int tq_cnode_encode_status(tq_buf *out, const char *id, size_t id_len, const char *more,
                           size_t more_len)
{
    int err = tq_cnode_begin(out, "getTaskStatus");
    if (err == TQ_OK)
        err = tq_cnode_add_argument(out, "taskId", id, id_len);
    if (err == TQ_OK)
        err = tq_buf_add(out, more, more_len);
    return err == TQ_OK ? tq_cnode_end(out, "getTaskStatus") : err;
}

static bool has_name(const tq_xml_element *element, const char *name)
{
    return element != NULL && strcmp(element->name, name) == 0;
}

const tq_xml_element *tq_cnode_payload(const tq_xml_element *root)
{
    const tq_xml_element *body = has_name(root, "Envelope") ? tq_xml_child(root, "Body") : NULL;
    return body != NULL ? body->first_child : NULL;
}

bool tq_cnode_is_fault(const tq_xml_element *payload)
{
    return has_name(payload, "Fault");
}

const tq_xml_element *tq_cnode_fields(const tq_xml_element *payload)
{
    const tq_xml_element *result = tq_xml_child(payload, "return");
    return result != NULL ? tq_xml_value(result) : payload;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

const char *tq_cnode_text(const tq_xml_element *fields, const char *name, size_t *len)
{
    const tq_xml_element *field = tq_xml_value(tq_xml_child(fields, name));
    *len = 0;
    if (field == NULL)
        return "";
    const char *start = field->text, *end = start + field->text_len;
    while (start < end && is_space(*start))
        start++;
    while (end > start && is_space(end[-1]))
        end--;
    *len = (size_t)(end - start);
    return start;
}

static bool text_is(const char *text, size_t len, const char *expected)
{
    return len == strlen(expected) && memcmp(text, expected, len) == 0;
}

tq_state tq_cnode_state(const char *status, size_t len)
{
    static const char finished[] = "FINISHED_";
    if (text_is(status, len, "FINISHED_OK"))
        return TQ_SUCCEEDED;
    bool is_end = len >= sizeof finished - 1 && memcmp(status, finished, sizeof finished - 1) == 0;
    return is_end ? TQ_FAILED : TQ_RUNNING;
}

/* FNV-1a: one text is told from another, against nobody's will. */
static uint64_t hash(uint64_t seed, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        seed = (seed ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return (seed ^ 0xff) * UINT64_C(0x100000001b3);
}

static uint64_t hash_field(uint64_t seed, const tq_xml_element *fields, const char *name)
{
    const tq_xml_element *field = tq_xml_value(tq_xml_child(fields, name));
    return field != NULL ? hash(seed, field->text, field->text_len) : seed + 1;
}

/* A percentage; what is no whole number counts as not told. */
static int read_percent(const char *text, size_t len)
{
    int percent = 0;
    if (len == 0 || len > 9)
        return TQ_NO_PROGRESS;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return TQ_NO_PROGRESS;
        percent = percent * 10 + (text[i] - '0');
    }
    return percent > 100 ? 100 : percent;
}

bool tq_cnode_read_status(const tq_xml_element *fields, tq_reading *reading)
{
    const uint64_t basis = UINT64_C(0xcbf29ce484222325);
    size_t len, status_len, percent_len;
    const char *request = tq_cnode_text(fields, "requestStatus", &len);
    const char *status = tq_cnode_text(fields, "status", &status_len);
    const char *percent = tq_cnode_text(fields, "progressPercent", &percent_len);
    bool is_told = tq_xml_child(fields, "requestStatus") != NULL;
    if ((is_told && !text_is(request, len, "SUCCESS")) || status_len == 0)
        return false;
    int progress = read_percent(percent, percent_len);
    bool is_telling = text_is(status, status_len, "TRANSFERRING");
    *reading = (tq_reading){
        .code = (int64_t)hash(basis, status, status_len),
        .state = tq_cnode_state(status, status_len),
        .progress = (int8_t)progress,
        .level = (int8_t)(is_telling ? progress : TQ_NO_PROGRESS),
        .more = hash_field(hash_field(basis, fields, "type"), fields, "additionalInfo"),
    };
    return true;
}
