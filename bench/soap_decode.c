/* SPDX-License-Identifier: MIT */
/*
 * What it costs to read the status in a getTaskStatus reply, from bytes to a tq_reading, against
 * expat alone on the same bytes: the same reuse of the parser, handlers that do nothing. Replies
 * that are parsed have another shape than the one before; those of the same shape tell of another
 * task. Rounds take turns; `make bench` builds and runs it.
 */
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "cnode/cnode.h"
#include "xml/reader.h"

static char reply[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<SOAP-ENV:Envelope\n"
    " xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"\n"
    " xmlns:SOAP-ENC=\"http://schemas.xmlsoap.org/soap/encoding/\"\n"
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"\n"
    " xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"\n"
    " xmlns:ns=\"ns1\">\n"
    " <SOAP-ENV:Body SOAP-ENV:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\">\n"
    " <ns:getTaskStatusResponse>\n"
    "  <return>\n"
    "  <type>GIVE_MONEY</type>\n"
    "  <progressPercent>0</progressPercent>\n"
    "  <status>PREPARATION</status>\n"
    "  <additionalInfo>{}</additionalInfo>\n"
    "  <taskId>7W3A0N1N9I2E7N1TKLS54A9PTR</taskId>\n"
    "  <requestStatus>SUCCESS</requestStatus>\n"
    "  <requestStatusDescription>Request succeeded.</requestStatusDescription>\n"
    "  </return>\n"
    " </ns:getTaskStatusResponse>\n"
    " </SOAP-ENV:Body>\n"
    "</SOAP-ENV:Envelope>\n";

static char *task; /* the first letter of the task's id in there */

enum { ROUNDS = 101, DECODES = 2000 };

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static bool decode(tq_xml_reader *reader, size_t len)
{
    tq_reading reading;
    if (tq_xml_read(reader, reply, len) != TQ_OK)
        return false;
    const tq_xml_element *payload = tq_cnode_payload(tq_xml_root(reader));
    return tq_cnode_read_status(tq_cnode_fields(payload), &reading) &&
           reading.state == TQ_RUNNING && reading.progress == 0;
}

/* With the line's end behind it, and without. */
static bool decode_other_shape(tq_xml_reader *reader, int number)
{
    return decode(reader, sizeof reply - 1 - (size_t)(number & 1));
}

static bool decode_same_shape(tq_xml_reader *reader, int number)
{
    *task = (char)('A' + number % 26);
    return decode(reader, sizeof reply - 1);
}

static void XMLCALL ignore_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    (void)data, (void)name, (void)attributes;
}

static void XMLCALL ignore_end(void *data, const XML_Char *name)
{
    (void)data, (void)name;
}

static void XMLCALL ignore_text(void *data, const XML_Char *text, int len)
{
    (void)data, (void)text, (void)len;
}

static void parse_alone(XML_Parser parser)
{
    XML_ParserReset(parser, NULL);
    XML_SetHashSalt(parser, 12345);
    XML_SetElementHandler(parser, ignore_start, ignore_end);
    XML_SetCharacterDataHandler(parser, ignore_text);
    if (XML_Parse(parser, reply, sizeof reply - 1, XML_TRUE) != XML_STATUS_OK)
        exit(1);
}

static double time_reader(tq_xml_reader *reader, bool (*read)(tq_xml_reader *, int), int decodes)
{
    double start = now_us();
    for (int i = 0; i < decodes; i++)
        if (!read(reader, i))
            exit(1);
    return (now_us() - start) / decodes;
}

static double time_alone(XML_Parser parser, int decodes)
{
    double start = now_us();
    for (int i = 0; i < decodes; i++)
        parse_alone(parser);
    return (now_us() - start) / decodes;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    int decodes = argc > 1 ? atoi(argv[1]) : DECODES;
    int rounds = argc > 2 ? atoi(argv[2]) : ROUNDS;
    double *parsed = calloc((size_t)rounds, sizeof *parsed);
    double *known = calloc((size_t)rounds, sizeof *known);
    double *alone = calloc((size_t)rounds, sizeof *alone);
    task = strstr(reply, "7W3A0N1N9I2E7N1TKLS54A9PTR");
    tq_xml_reader *reader;
    XML_Parser parser = XML_ParserCreate(NULL);
    if (tq_xml_reader_open(&reader, NULL) != TQ_OK || parser == NULL || parsed == NULL ||
        known == NULL || alone == NULL)
        return 1;
    for (int round = 0; round < rounds; round++) {
        parsed[round] = time_reader(reader, decode_other_shape, decodes);
        known[round] = time_reader(reader, decode_same_shape, decodes);
        alone[round] = time_alone(parser, decodes);
    }
    double parsed_us = median(parsed, rounds), alone_us = median(alone, rounds);
    printf("%zu bytes: a status read in %.2f us, expat alone %.2f us, ratio %.2f; in %.2f us when "
           "the reply before had its shape\n",
           sizeof reply - 1, parsed_us, alone_us, parsed_us / alone_us, median(known, rounds));
    tq_xml_reader_close(reader);
    XML_ParserFree(parser);
    free(parsed);
    free(known);
    free(alone);
    return 0;
}
