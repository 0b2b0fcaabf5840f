/* tls/library.h -- facts about the OpenSSL this process runs with. Thread: any. */
#ifndef PS_TLS_LIBRARY_H
#define PS_TLS_LIBRARY_H

/* "OpenSSL 3.0.22 ..." of the library in use, not of the headers. */
const char *ps_tls_library_version(void);
/* The address of SSL_CTX_new as this code calls it: another object that finds the same address under that
 * name shares our libssl, and its SSL_CTX can be used by us. */
void *ps_tls_library_mark(void);

#endif
