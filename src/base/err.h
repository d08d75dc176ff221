/* SPDX-License-Identifier: MIT */
#ifndef TQ_ERR_H
#define TQ_ERR_H
/*
 * What a function of the C core answers: 0, or one of these. They tell why the core could not do
 * what it was asked; what a service answered is never one of them.
 */
enum tq_err {
    TQ_OK = 0,
    TQ_ERR_MEMORY = -1,  /* no memory; nothing was changed */
    TQ_ERR_TOO_BIG = -2, /* a limit that the caller set would be passed */
    TQ_ERR_SYSTEM = -3,  /* a system call failed; errno tells which way */
    TQ_ERR_INVALID = -4, /* an argument is not usable: a URL, a file, a text */
    TQ_ERR_CLOSED = -5,  /* the object has been closed */
    TQ_ERR_STUCK = -6    /* nothing will ever happen any more, and it was asked to wait for it */
};

#endif
