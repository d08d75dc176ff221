/* SPDX-License-Identifier: MIT */
#ifndef WIRE_H
#define WIRE_H
/*
 * A network that answers whatever it is asked with bytes given beforehand, and then closes. There
 * is libcurl, the poller and real sockets, but no connecting: what the http room opens is one end
 * of a pair. The linker puts it between the room and the C library (--wrap in the Makefile).
 */
#include <stddef.h>

/* What every connection answers from now on; not copied. */
void wire_answer(const void *bytes, size_t len);

/* Closes the other ends. Once nobody uses the connections any more. */
void wire_reset(void);

#endif
