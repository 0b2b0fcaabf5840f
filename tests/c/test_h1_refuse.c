/* What the HTTP/1.1 reader refuses, and with which status and phase: malformed status lines,
 * fields, framings and chunks, early ends, excess. Each is run whole, cut at every byte, and byte
 * by byte. */
#include "h1_log.h"

#define W(s)                                                                                       \
    {                                                                                              \
        (const uint8_t *)(s), sizeof(s) - 1                                                        \
    } /* with embedded NULs */
#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define LEN0 "Content-Length: 0\r\n\r\n"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"
#define HEAD PS_PHASE_HEAD
#define BODY PS_PHASE_BODY

struct refused {
    const char *name;
    struct ps_bytes wire;
    enum ps_phase phase;
    enum ps_status status;
};

static const struct refused status_lines[] = {
    /* rule 67 */
    {"another protocol", W("SSH-2.0-OpenSSH_9.6\r\n"), HEAD, PS_PROTOCOL},
    {"one wrong byte is enough", W("I"), HEAD, PS_PROTOCOL},
    {"an h2 SETTINGS frame", W("\0\0\x12\x04\0\0\0\0\0"), HEAD, PS_PROTOCOL},
    {"a TLS alert", W("\x15\x03\x01\0\x02\x02\x46"), HEAD, PS_PROTOCOL},
    {"HTTP/0.9 body", W("<html>\r\n"), HEAD, PS_PROTOCOL},
    {"ICY", W("ICY 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"lower case", W("http/1.1 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"HTTPS/1.1", W("HTTPS/1.1 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"HTTP/2.0", W("HTTP/2.0 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"HTTP/2", W("HTTP/2 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"HTTP/0.9", W("HTTP/0.9 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"HTTP/1.2", W("HTTP/1.2 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"HTTP/1.", W("HTTP/1. 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"HTTP/1.10", W("HTTP/1.10 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"HTTP/01.1", W("HTTP/01.1 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"HTTP/1,1", W("HTTP/1,1 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"HTTP /1.1", W("HTTP /1.1 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"a request", W("GET / HTTP/1.1\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"leading space", W(" HTTP/1.1 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"leading empty line", W("\r\nHTTP/1.1 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"leading LF", W("\nHTTP/1.1 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"byte order mark", W("\xef\xbb\xbfHTTP/1.1 200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"no code", W("HTTP/1.1\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"no code but a space", W("HTTP/1.1 \r\n" LEN0), HEAD, PS_PROTOCOL},
    {"two digits", W("HTTP/1.1 20 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"four digits", W("HTTP/1.1 2000 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"letters", W("HTTP/1.1 2x0 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"negative", W("HTTP/1.1 -20 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"plus", W("HTTP/1.1 +20 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"code 000", W("HTTP/1.1 000 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"code 099", W("HTTP/1.1 099 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"two spaces", W("HTTP/1.1  200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"tab for space", W("HTTP/1.1\t200 OK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"tab after the code", W("HTTP/1.1 200\tOK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"no space after the code", W("HTTP/1.1 200\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"NUL in the reason", W("HTTP/1.1 200 O\0K\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"escape in the reason", W("HTTP/1.1 200 \x1b[2J\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"DEL in the reason", W("HTTP/1.1 200 \x7f\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"rule 68: bare CR in the reason", W("HTTP/1.1 200 O\rK\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"rule 68: bare LF", W("HTTP/1.1 200 OK\n" LEN0), HEAD, PS_PROTOCOL},
    {"rule 68: CR CR LF", W("HTTP/1.1 200 OK\r\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"rule 77: 101 nobody asked for",
     W("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"interim head with a length", W("HTTP/1.1 100 C\r\nContent-Length: 5\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"interim head with chunks", W("HTTP/1.1 103 E\r\nTransfer-Encoding: chunked\r\n\r\n"), HEAD,
     PS_PROTOCOL},
};

static const struct refused fields[] = {
    /* rules 68, 69 */
    {"obs-fold", W(OK_LINE "A: b\r\n c\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"obs-fold with a tab", W(OK_LINE "A: b\r\n\tc\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"obs-fold of the length", W(OK_LINE "Content-Length:\r\n 5\r\n\r\nhello"), HEAD, PS_PROTOCOL},
    {"obs-fold of nothing", W(OK_LINE "A: b\r\n \r\n" LEN0), HEAD, PS_PROTOCOL},
    {"first line begins with a space", W(OK_LINE " A: b\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"space before the colon", W(OK_LINE "Content-Length : 5\r\n\r\nhello"), HEAD, PS_PROTOCOL},
    {"tab before the colon", W(OK_LINE "Transfer-Encoding\t: chunked\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"vertical tab before the colon", W(OK_LINE "Content-Length\v: 5\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"space inside a name", W(OK_LINE "A b: c\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"empty name", W(OK_LINE ": x\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"no colon", W(OK_LINE "Content-Length\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"no colon, with a blank", W(OK_LINE "Content Length\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"pseudo field", W(OK_LINE ":status: 200\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"NUL in a name", W(OK_LINE "A\0: b\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"byte over 0x7f in a name", W(OK_LINE "A\xc3\xa9: b\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"parenthesis in a name", W(OK_LINE "A(b): c\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"slash in a name", W(OK_LINE "A/b: c\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"quote in a name", W(OK_LINE "\"A\": c\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"at sign in a name", W(OK_LINE "a@b: c\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"NUL in a value", W(OK_LINE "A: b\0c\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"NUL at the end of a value", W(OK_LINE "A: b\0\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"control byte in a value", W(OK_LINE "A: \x01\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"backspace in a value", W(OK_LINE "A: b\b\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"form feed in a value", W(OK_LINE "A: \f\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"DEL in a value", W(OK_LINE "A: \x7f\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"bare CR in a value", W(OK_LINE "A: b\rContent-Length: 5\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"bare CR before CRLF", W(OK_LINE "A: b\r\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"bare CR in a name", W(OK_LINE "A\rB: c\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"line begins with a bare CR", W(OK_LINE "\rA: b\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"bare LF after a value", W(OK_LINE "A: b\n" LEN0), HEAD, PS_PROTOCOL},
    {"bare LF smuggles a field", W(OK_LINE "A: b\nContent-Length: 5\r\n" LEN0), HEAD, PS_PROTOCOL},
    {"bare LF ends the head", W(OK_LINE "Content-Length: 0\r\n\n"), HEAD, PS_PROTOCOL},
    {"LF CR ends the head", W(OK_LINE "Content-Length: 0\r\n\n\r"), HEAD, PS_PROTOCOL},
    {"CR CR LF ends the head", W(OK_LINE "Content-Length: 0\r\n\r\r\n"), HEAD, PS_PROTOCOL},
    {"CR X ends the head", W(OK_LINE "Content-Length: 0\r\n\rX\r\n"), HEAD, PS_PROTOCOL},
};

static const struct refused framings[] = {
    /* rules 70, 71, 72 */
    {"TE and CL", W(OK_LINE "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"CL and TE", W(OK_LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"TE and CL 0", W(OK_LINE "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"two lengths", W(OK_LINE "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"two equal lengths", W(OK_LINE "Content-Length: 5\r\ncontent-length: 5\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"list of lengths", W(OK_LINE "Content-Length: 5, 5\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length and comma", W(OK_LINE "Content-Length: 5,\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"empty length", W(OK_LINE "Content-Length:\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"blank length", W(OK_LINE "Content-Length: \t \r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length +5", W(OK_LINE "Content-Length: +5\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length -5", W(OK_LINE "Content-Length: -5\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length -0", W(OK_LINE "Content-Length: -0\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length 0x5", W(OK_LINE "Content-Length: 0x5\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length 5.0", W(OK_LINE "Content-Length: 5.0\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length 5e1", W(OK_LINE "Content-Length: 5e1\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length 1_0", W(OK_LINE "Content-Length: 1_0\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length 5 5", W(OK_LINE "Content-Length: 5 5\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"quoted length", W(OK_LINE "Content-Length: \"5\"\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length in Arabic digits", W(OK_LINE "Content-Length: \xd9\xa5\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length 2^63", W(OK_LINE "Content-Length: 9223372036854775808\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length 2^64", W(OK_LINE "Content-Length: 18446744073709551616\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"length 2^64 + 5", W(OK_LINE "Content-Length: 18446744073709551621\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"length of 40 digits",
     W(OK_LINE "Content-Length: 9999999999999999999999999999999999999999\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"coding gzip", W(OK_LINE "Transfer-Encoding: gzip\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"coding identity", W(OK_LINE "Transfer-Encoding: identity\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"coding xchunked", W(OK_LINE "Transfer-Encoding: xchunked\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"coding chunkedx", W(OK_LINE "Transfer-Encoding: chunkedx\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"coding chunke", W(OK_LINE "Transfer-Encoding: chunke\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"codings gzip, chunked", W(OK_LINE "Transfer-Encoding: gzip, chunked\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"codings chunked, gzip", W(OK_LINE "Transfer-Encoding: chunked, gzip\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"codings chunked, chunked", W(OK_LINE "Transfer-Encoding: chunked, chunked\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"codings chunked, identity", W(OK_LINE "Transfer-Encoding: chunked, identity\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"two coding fields",
     W(OK_LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"gzip in one field, chunked in the next",
     W(OK_LINE "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"coding with a parameter", W(OK_LINE "Transfer-Encoding: chunked;q=1\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"coding with a comma", W(OK_LINE "Transfer-Encoding: ,chunked\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"quoted coding", W(OK_LINE "Transfer-Encoding: \"chunked\"\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"empty coding", W(OK_LINE "Transfer-Encoding:\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"coding with a byte over 0x7f", W(OK_LINE "Transfer-Encoding: chunked\xa0\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"chunks in HTTP/1.0", W("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), HEAD,
     PS_PROTOCOL},
    {"bad length in a 304", W("HTTP/1.1 304 N\r\nContent-Length: 5x\r\n\r\n"), HEAD, PS_PROTOCOL},
    {"bad coding in a 204", W("HTTP/1.1 204 N\r\nTransfer-Encoding: x\r\n\r\n"), HEAD, PS_PROTOCOL},
};

static const struct refused chunks[] = {
    /* rule 73 */
    {"empty size line", W(CHUNKED "\r\n5\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"size g", W(CHUNKED "g\r\n"), BODY, PS_PROTOCOL},
    {"size 0x5", W(CHUNKED "0x5\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"size -5", W(CHUNKED "-5\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"size -0", W(CHUNKED "-0\r\n\r\n"), BODY, PS_PROTOCOL},
    {"size +5", W(CHUNKED "+5\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"space before a size", W(CHUNKED " 5\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"space after a size", W(CHUNKED "5 \r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"tab after a size", W(CHUNKED "5\t\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"space before an extension", W(CHUNKED "5 ;a\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"size 5_0", W(CHUNKED "5_0\r\n"), BODY, PS_PROTOCOL},
    {"size 5h", W(CHUNKED "5h\r\n"), BODY, PS_PROTOCOL},
    {"size 5,5", W(CHUNKED "5,5\r\n"), BODY, PS_PROTOCOL},
    {"extension without a size", W(CHUNKED ";a=b\r\n"), BODY, PS_PROTOCOL},
    {"size of 17 digits", W(CHUNKED "00000000000000005\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"size that wraps to 5", W(CHUNKED "10000000000000005\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"size 2^63", W(CHUNKED "8000000000000000\r\n"), BODY, PS_PROTOCOL},
    {"size 2^64 - 1", W(CHUNKED "ffffffffffffffff\r\n"), BODY, PS_PROTOCOL},
    {"bare LF after a size", W(CHUNKED "5\nhello\r\n"), BODY, PS_PROTOCOL},
    {"bare LF after the last chunk", W(CHUNKED "0\n\r\n"), BODY, PS_PROTOCOL},
    {"bare LF after an extension", W(CHUNKED "5;a\nhello\r\n"), BODY, PS_PROTOCOL},
    {"bare CR in a size", W(CHUNKED "5\r5\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"bare CR in an extension", W(CHUNKED "5;a\rb\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"CR CR LF after a size", W(CHUNKED "5\r\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"NUL in an extension", W(CHUNKED "5;\0\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"NUL after a size", W(CHUNKED "5\0\r\nhello\r\n"), BODY, PS_PROTOCOL},
    {"any two bytes after the data", W(CHUNKED "5\r\nhelloXY"), BODY, PS_PROTOCOL},
    {"data longer than its size", W(CHUNKED "5\r\nhello!\r\n"), BODY, PS_PROTOCOL},
    {"nothing between data and size", W(CHUNKED "5\r\nhello5\r\n"), BODY, PS_PROTOCOL},
    {"bare LF after the data", W(CHUNKED "5\r\nhello\n0\r\n\r\n"), BODY, PS_PROTOCOL},
    {"bare CR after the data", W(CHUNKED "5\r\nhello\r0\r\n\r\n"), BODY, PS_PROTOCOL},
    {"LF CR after the data", W(CHUNKED "5\r\nhello\n\r0\r\n\r\n"), BODY, PS_PROTOCOL},
    {"two CRLF after the data", W(CHUNKED "5\r\nhello\r\n\r\n0\r\n\r\n"), BODY, PS_PROTOCOL},
    {"no empty line but a response", W(CHUNKED "0\r\nHTTP/1.1 200 OK\r\n"), BODY, PS_PROTOCOL},
    {"trailer without a colon", W(CHUNKED "0\r\nabc\r\n\r\n"), BODY, PS_PROTOCOL},
    {"folded trailer", W(CHUNKED "0\r\nA: b\r\n c\r\n\r\n"), BODY, PS_PROTOCOL},
    {"trailer with a space before the colon", W(CHUNKED "0\r\nA : b\r\n\r\n"), BODY, PS_PROTOCOL},
    {"rule 59: pseudo field as a trailer", W(CHUNKED "0\r\n:status: 200\r\n\r\n"), BODY,
     PS_PROTOCOL},
    {"bare LF after a trailer", W(CHUNKED "0\r\nA: b\n\r\n"), BODY, PS_PROTOCOL},
    {"NUL in a trailer", W(CHUNKED "0\r\nA: \0\r\n\r\n"), BODY, PS_PROTOCOL},
    {"forbidden trailers are still checked", W(CHUNKED "0\r\nHost: \x01\r\n\r\n"), BODY,
     PS_PROTOCOL},
};

/* Run with a clean close after them; rule 74 makes each of them truncated, whatever came before. */
static const struct refused ends[] = {
    {"no byte at all", W(""), PS_PHASE_WAIT, PS_DISCONNECTED},
    {"one byte", W("H"), HEAD, PS_TRUNCATED},
    {"inside the status line", W("HTTP/1.1 200 O"), HEAD, PS_TRUNCATED},
    {"between CR and LF", W("HTTP/1.1 200 OK\r"), HEAD, PS_TRUNCATED},
    {"after the status line", W(OK_LINE), HEAD, PS_TRUNCATED},
    {"inside a field", W(OK_LINE "Content-Len"), HEAD, PS_TRUNCATED},
    {"before the empty line", W(OK_LINE "Content-Length: 0\r\n"), HEAD, PS_TRUNCATED},
    {"inside the empty line", W(OK_LINE "Content-Length: 0\r\n\r"), HEAD, PS_TRUNCATED},
    {"after an interim head", W("HTTP/1.1 100 C\r\n\r\n"), HEAD, PS_TRUNCATED},
    {"no body byte", W(OK_LINE "Content-Length: 5\r\n\r\n"), BODY, PS_TRUNCATED},
    {"one body byte short", W(OK_LINE "Content-Length: 5\r\n\r\nhell"), BODY, PS_TRUNCATED},
    {"no chunk", W(CHUNKED), BODY, PS_TRUNCATED},
    {"inside a size", W(CHUNKED "5"), BODY, PS_TRUNCATED},
    {"inside a chunk", W(CHUNKED "5\r\nhell"), BODY, PS_TRUNCATED},
    {"after a chunk's data", W(CHUNKED "5\r\nhello"), BODY, PS_TRUNCATED},
    {"inside the line end of a chunk", W(CHUNKED "5\r\nhello\r"), BODY, PS_TRUNCATED},
    {"at a chunk border", W(CHUNKED "5\r\nhello\r\n"), BODY, PS_TRUNCATED},
    {"inside the last chunk", W(CHUNKED "5\r\nhello\r\n0"), BODY, PS_TRUNCATED},
    {"after the last chunk's line", W(CHUNKED "5\r\nhello\r\n0\r\n"), BODY, PS_TRUNCATED},
    {"inside the final empty line", W(CHUNKED "5\r\nhello\r\n0\r\n\r"), BODY, PS_TRUNCATED},
    {"inside a trailer", W(CHUNKED "0\r\nA: b"), BODY, PS_TRUNCATED},
};

static const struct refused excess[] = {
    /* with small_limits */
    {"status line", W("HTTP/1.1 200 0123456789012345678901234567890123456789\r\n\r\n"), HEAD,
     PS_LIMIT},
    {"endless status line", W("HTTP/1.1 200 012345678901234567890123456789012345678901234567"),
     HEAD, PS_LIMIT},
    {"header line", W(OK_LINE "A: 01234567890123456789012345678901234567890123456789\r\n\r\n"),
     HEAD, PS_LIMIT},
    {"endless header line", W(OK_LINE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), HEAD,
     PS_LIMIT},
    {"number of fields", W(OK_LINE "A:b\r\nA:b\r\nA:b\r\nA:b\r\nA:b\r\n\r\n"), HEAD, PS_LIMIT},
    {"rule 45: cost of fields",
     W(OK_LINE "A: 0123456789012345678901234567\r\nA: 0123456789012345678901234567\r\n"
               "A: 0123456789012345678901234567\r\nA: 0123456789\r\n\r\n"),
     HEAD, PS_LIMIT},
    {"rule 47: number of interim heads",
     W("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\n"), HEAD, PS_LIMIT},
    {"rule 47: sum of interim heads",
     W("HTTP/1.1 103 E\r\nA: 0123456789012345678901234567\r\nA: 0123456789\r\n\r\n"
       "HTTP/1.1 103 E\r\nA: 0123456789012345678901234567\r\nA: 0123456789\r\n\r\n"),
     HEAD, PS_LIMIT},
    {"chunk extension", W(CHUNKED "5;23456789\r\nhello\r\n"), BODY, PS_LIMIT},
    {"endless chunk extension", W(CHUNKED "5;2345678901234567890123456789"), BODY, PS_LIMIT},
    {"endless chunk size", W(CHUNKED "0000000000000000000000000000000"), BODY, PS_LIMIT},
    {"number of trailers", W(CHUNKED "0\r\nA:b\r\nA:b\r\nA:b\r\n\r\n"), BODY, PS_LIMIT},
    {"number of dropped trailers", W(CHUNKED "0\r\nHost:b\r\nHost:b\r\nHost:b\r\n\r\n"), BODY,
     PS_LIMIT},
    {"cost of trailers", W(CHUNKED "0\r\nA: 0123456789\r\nA: 0123456789\r\n\r\n"), BODY, PS_LIMIT},
    {"trailer line", W(CHUNKED "0\r\nA: 0123456789012345678901234567890123456789012345678\r\n\r\n"),
     BODY, PS_LIMIT},
};

static const struct ps_codec_limits small_limits = {
    .head = {.bytes = 200, .fields_n = 4},
    .trailer = {.bytes = 80, .fields_n = 2},
    .line_bytes = 48,
    .chunk_ext_bytes = 8,
    .info_n = 2,
    .window_bytes = 65536,
};

/* What the allocation sweep runs; the runner takes no argument. */
static const struct h1_run *swept_run;
static enum ps_status swept_status;

static enum ps_status swept_scenario(void)
{
    struct h1_log log = {0};
    enum ps_status st = h1_run_cut(swept_run, h1_cut_bytes, NULL, &log);
    if (st == PS_OK && log.failed == PS_NOMEM)
        st = PS_NOMEM;
    else if (st == PS_OK)
        T_EQ(log.failed, swept_status); /* refused all the same */
    h1_log_free(&log);
    return st;
}

static void check(const struct refused *r, size_t n, char eof, const struct ps_codec_limits *limits)
{
    for (size_t i = 0; i < n; i++) {
        struct h1_run run = {.wire = r[i].wire, .eof = eof, .limits = limits};
        struct h1_log log = h1_run_all_cuts(&run);
        if (log.failed != r[i].status || log.phase != r[i].phase || log.ended || log.reusable ||
            log.not_processed) {
            fprintf(stderr, "%s: wanted %s %s, got\n%s\n%s\n", r[i].name,
                    ps_status_name(r[i].status), ps_phase_name(r[i].phase), log.text, log.err);
            abort();
        }
        for (const char *c = log.err; *c != '\0'; c++)
            T_CHECK(*c >= 0x20 && *c < 0x7f);
        if (getenv("T_SHOW") != NULL)
            printf("%-40s %s\n", r[i].name, log.err);
        h1_log_free(&log);
        swept_run = &run;
        swept_status = r[i].status;
        t_each_alloc(swept_scenario);
    }
}

#define CHECK(t, eof, limits) check(t, sizeof(t) / sizeof((t)[0]), eof, limits)

static void refuses_status_lines(void)
{
    CHECK(status_lines, 0, NULL);
}

static void refuses_fields(void)
{
    CHECK(fields, 0, NULL);
}

static void refuses_framings(void)
{
    CHECK(framings, 0, NULL);
}

static void refuses_chunks(void)
{
    CHECK(chunks, 0, NULL);
}

static void early_ends_are_never_complete(void)
{
    CHECK(ends, 'c', NULL);
    CHECK(ends, 'd', NULL);
}

static void keeps_its_limits(void)
{
    CHECK(excess, 0, &small_limits);
}

/* Rule 75. */
static void close_without_notify_truncates_a_body_until_close(void)
{
    static const struct refused r[] = {
        {"some body", W(OK_LINE "\r\nhello"), BODY, PS_TRUNCATED},
        {"no body", W(OK_LINE "\r\n"), BODY, PS_TRUNCATED},
        {"1.0", W("HTTP/1.0 200 OK\r\n\r\nhello"), BODY, PS_TRUNCATED},
    };
    CHECK(r, 'd', NULL);
}

/* A line of exactly the limit passes, one byte more does not; nor does an extension. */
static void limits_are_exact(void)
{
    static const char fits[] = OK_LINE "A: 012345678901234567890123456789012345678901234\r\n" LEN0;
    static const char ext[] = CHUNKED "1;2345678\r\na\r\n0\r\n\r\n";
    struct h1_run run = {.wire = ps_bytes_str(fits), .limits = &small_limits};
    struct h1_log log = h1_run_all_cuts(&run);
    T_CHECK(log.ended && log.failed == PS_OK);
    h1_log_free(&log);
    run.wire = ps_bytes_str(ext);
    log = h1_run_all_cuts(&run);
    T_CHECK(log.ended && log.failed == PS_OK);
    h1_log_free(&log);
}

static void errors_show_no_value(void)
{
    static const char wire[] = OK_LINE "Set-Cookie: sesame\x01opens\r\n\r\n";
    struct h1_run run = {.wire = ps_bytes_str(wire)};
    struct h1_log log = h1_run_whole(&run);
    T_STR(log.err, "header \"Set-Cookie\" has byte 0x01 in its value");
    h1_log_free(&log);
}

static const struct t_test tests[] = {
    {"refuses_status_lines", refuses_status_lines},
    {"refuses_fields", refuses_fields},
    {"refuses_framings", refuses_framings},
    {"refuses_chunks", refuses_chunks},
    {"early_ends_are_never_complete", early_ends_are_never_complete},
    {"keeps_its_limits", keeps_its_limits},
    {"close_without_notify_truncates_a_body_until_close",
     close_without_notify_truncates_a_body_until_close},
    {"limits_are_exact", limits_are_exact},
    {"errors_show_no_value", errors_show_no_value},
};
T_MAIN(tests)
