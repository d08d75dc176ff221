/* SPDX-License-Identifier: MIT */
#ifndef TQ_SIM_LISTENER_H
#define TQ_SIM_LISTENER_H
/* The listening socket, made here rather than by libmicrohttpd, which would not tell why not. */

/*
 * Listens on a host name or address and a port (0: any free one, which `port` then tells). Returns
 * the descriptor, or -1 with `what` failed and, unless that says it all, errno set (else 0).
 */
int tq_sim_listener_open(const char *host, int *port, const char **what);

#endif
