/* SPDX-License-Identifier: MIT */
#include "form/form.h"

#include <stdbool.h>

#include "base/err.h"

void tq_form_init(tq_form *form, tq_buf *out, size_t max_name)
{
    form->out = out;
    form->err = TQ_OK;
    tq_buf_init(&form->name, max_name);
}

void tq_form_free(tq_form *form)
{
    tq_buf_free(&form->name);
}

static void keep(tq_form *form, int err)
{
    if (form->err == TQ_OK)
        form->err = err;
}

size_t tq_form_enter(tq_form *form, const char *key, size_t len)
{
    size_t mark = form->name.len;
    bool nested = mark > 0;
    if (form->err != TQ_OK)
        return mark;
    if (nested)
        keep(form, tq_buf_add(&form->name, "[", 1));
    keep(form, tq_buf_add(&form->name, key, len));
    if (nested)
        keep(form, tq_buf_add(&form->name, "]", 1));
    return mark;
}

void tq_form_leave(tq_form *form, size_t mark)
{
    tq_buf_cut(&form->name, mark);
}

static bool is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

int tq_form_escape(tq_buf *out, const char *text, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t start = out->len;
    int err = TQ_OK;
    for (size_t i = 0; i < len && err == TQ_OK;) {
        size_t run = i;
        while (run < len && is_plain((unsigned char)text[run]))
            run++;
        if (run > i) {
            err = tq_buf_add(out, text + i, run - i);
            i = run;
        } else {
            unsigned char c = (unsigned char)text[i++];
            const char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
            err = c == ' ' ? tq_buf_add(out, "+", 1) : tq_buf_add(out, escaped, sizeof escaped);
        }
    }
    if (err != TQ_OK)
        tq_buf_cut(out, start);
    return err;
}

void tq_form_add(tq_form *form, const char *value, size_t len)
{
    size_t start = form->out->len;
    if (form->err != TQ_OK)
        return;
    if (start > 0)
        keep(form, tq_buf_add(form->out, "&", 1));
    if (form->err == TQ_OK)
        keep(form, tq_form_escape(form->out, form->name.data, form->name.len));
    if (form->err == TQ_OK)
        keep(form, tq_buf_add(form->out, "=", 1));
    if (form->err == TQ_OK)
        keep(form, tq_form_escape(form->out, value, len));
    if (form->err != TQ_OK)
        tq_buf_cut(form->out, start);
}
