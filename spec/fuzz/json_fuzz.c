/* SPDX-License-Identifier: MIT */
/* Any text through the search for wide integers. */
#include <string.h>

#include "base/err.h"
#include "fuzz.h"
#include "json/wide.h"

/* Only quotes were added: without those that are not in `text` the two are the same. */
static size_t count_added(const char *text, size_t len, const tq_buf *quoted)
{
    size_t at = 0, added = 0;
    for (size_t i = 0; i < quoted->len; i++) {
        if (at < len && quoted->data[i] == text[at]) {
            at++;
        } else {
            MUST(quoted->data[i] == '"');
            added++;
        }
    }
    MUST(at == len);
    return added;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    tq_buf quoted;
    /* The bound that the binding sets: an integer that gets two quotes has 16 digits or more. */
    tq_buf_init(&quoted, 2 * size);
    MUST(tq_json_quote_wide(text, size, &quoted) == TQ_OK);
    size_t added = count_added(text, size, &quoted);
    MUST(added % 2 == 0 && tq_json_has_wide(text, size) == (added > 0));
    MUST(!tq_json_has_wide(quoted.data, quoted.len));
    tq_buf_free(&quoted);
    return 0;
}
