/* What the HTTP/2 codec refuses of a hostile or broken server, with which event, and what it sends:
 * a stream error where RFC 9113 allows one, else the end of the connection (rules 11 to 13, 31, 45
 * to 48, 54, 56 to 61). Each is run whole, cut at every byte, byte by byte, and with each
 * allocation refused. */
#include "h2_rig.h"

#define OK_HEAD ":status=200\n"
#define BAD_HEAD "RESET 1 PROTOCOL PROTOCOL_ERROR\n"
#define BAD_CONN "RESET 1 PROTOCOL PROTOCOL_ERROR\nFAIL PROTOCOL PROTOCOL_ERROR\n"
#define RST_SENT "RST 1 PROTOCOL_ERROR\n"
#define GOAWAY_SENT "GOAWAY PROTOCOL_ERROR\n"

/* A head for stream 1 from literals. */
#define HEAD_OF(name, text, flags)                                                                 \
    static void name(struct h2_wire *w)                                                            \
    {                                                                                              \
        h2_headers(w, 1, flags, text);                                                             \
    }
HEAD_OF(upper_case, OK_HEAD "X-Big=1\n", END_STREAM)
HEAD_OF(connection, OK_HEAD "connection=close\n", END_STREAM)
HEAD_OF(keep_alive, OK_HEAD "keep-alive=timeout=5\n", END_STREAM)
HEAD_OF(transfer_encoding, OK_HEAD "transfer-encoding=chunked\n", END_STREAM)
HEAD_OF(upgrade, OK_HEAD "upgrade=h2c\n", END_STREAM)
HEAD_OF(proxy_connection, OK_HEAD "proxy-connection=close\n", END_STREAM)
HEAD_OF(no_status, "a=b\n", END_STREAM)
HEAD_OF(two_statuses, OK_HEAD OK_HEAD, END_STREAM)
HEAD_OF(late_status, "a=b\n" OK_HEAD, END_STREAM)
HEAD_OF(short_status, ":status=20\n", END_STREAM)
HEAD_OF(word_status, ":status=abc\n", END_STREAM)
HEAD_OF(status_101, ":status=101\n", 0)
HEAD_OF(unknown_pseudo, OK_HEAD ":what=1\n", END_STREAM)
HEAD_OF(request_pseudo, OK_HEAD ":path=/\n", END_STREAM)
HEAD_OF(cr_in_value, OK_HEAD "a=b\rc\n", END_STREAM)
HEAD_OF(space_in_name, OK_HEAD "a b=c\n", END_STREAM)
HEAD_OF(colon_in_name, OK_HEAD "a:b=c\n", END_STREAM)
HEAD_OF(two_lengths, OK_HEAD "content-length=1\ncontent-length=2\n", 0)
HEAD_OF(word_length, OK_HEAD "content-length=1x\n", 0)
HEAD_OF(negative_length, OK_HEAD "content-length=-1\n", 0)
HEAD_OF(length_and_end, OK_HEAD "content-length=5\n", END_STREAM)
HEAD_OF(info_and_end, ":status=103\n", END_STREAM)

static void nul_in_value(struct h2_wire *w)
{
    struct h2_wire b = {0};
    h2_block(&b, OK_HEAD);
    h2_field_n(&b, "a", "b\0c", 3);
    h2_frame(w, F_HEADERS, END_STREAM | END_HEADERS, 1, b.p, b.n);
    h2_wire_free(&b);
}
static void lf_in_value(struct h2_wire *w)
{
    struct h2_wire b = {0};
    h2_block(&b, OK_HEAD);
    h2_field(&b, "a", "b\nc: d");
    h2_frame(w, F_HEADERS, END_STREAM | END_HEADERS, 1, b.p, b.n);
    h2_wire_free(&b);
}
static void pseudo_in_trailers(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
    h2_headers(w, 1, END_STREAM, ":status=200\n");
}
static void trailers_without_end(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
    h2_headers(w, 1, 0, "a=b\n");
}
static void body_too_long(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD "content-length=3\n");
    h2_data(w, 1, END_STREAM, "abcd");
}
static void body_too_short(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD "content-length=3\n");
    h2_data(w, 1, END_STREAM, "ab");
}
static void data_first(struct h2_wire *w)
{
    h2_data(w, 1, 0, "x");
}
static void data_in_info(struct h2_wire *w)
{
    h2_headers(w, 1, 0, ":status=103\n");
    h2_data(w, 1, 0, "x");
}
static void data_after_end(struct h2_wire *w)
{
    h2_headers(w, 1, END_STREAM, OK_HEAD);
    h2_data(w, 1, 0, "x");
    h2_headers(w, 1, END_STREAM, OK_HEAD);
}
static void data_on_idle(struct h2_wire *w)
{
    h2_data(w, 3, 0, "x");
}
static void data_on_0(struct h2_wire *w)
{
    h2_data(w, 0, 0, "x");
}
static void headers_on_even(struct h2_wire *w)
{
    h2_headers(w, 2, 0, OK_HEAD);
}
static void headers_on_idle(struct h2_wire *w)
{
    h2_headers(w, 3, 0, OK_HEAD);
}
static void push(struct h2_wire *w)
{
    struct h2_wire b = {0};
    h2_u32(&b, 2);
    h2_block(&b, ":method=GET\n:scheme=https\n:path=/\n:authority=a.example\n");
    h2_frame(w, F_PUSH, END_HEADERS, 1, b.p, b.n);
    h2_wire_free(&b);
}
static void stray_ack(struct h2_wire *w)
{
    h2_frame(w, F_SETTINGS, ACK, 0, NULL, 0);
    h2_frame(w, F_SETTINGS, ACK, 0, NULL, 0);
}
static void settings_of_5(struct h2_wire *w)
{
    h2_frame(w, F_SETTINGS, 0, 0, "\0\4\0\0\0", 5);
}
static void settings_on_1(struct h2_wire *w)
{
    h2_frame(w, F_SETTINGS, 0, 1, NULL, 0);
}
static void window_too_big(struct h2_wire *w)
{
    h2_settings(w, 4, 0x80000000);
}
static void frame_size_small(struct h2_wire *w)
{
    h2_settings(w, 5, 100);
}
static void push_enabled(struct h2_wire *w)
{
    h2_settings(w, 2, 1);
}
static void big_frame(struct h2_wire *w)
{
    h2_frame_head(w, 16385, F_DATA, 0, 1);
    h2_raw(w, "x", 1);
}
static void ping_of_7(struct h2_wire *w)
{
    h2_frame(w, F_PING, 0, 0, "1234567", 7);
}
static void ping_on_1(struct h2_wire *w)
{
    h2_frame(w, F_PING, 0, 1, "12345678", 8);
}
static void window_0_conn(struct h2_wire *w)
{
    h2_frame_u32(w, F_WINDOW, 0, 0);
}
static void window_over_conn(struct h2_wire *w)
{
    h2_frame_u32(w, F_WINDOW, 0, 0x7fffffff);
}
static void window_over_stream(struct h2_wire *w)
{
    h2_frame_u32(w, F_WINDOW, 1, 0x7fffffff);
}
static void rst_of_3(struct h2_wire *w)
{
    h2_frame(w, F_RST, 0, 1, "123", 3);
}
static void rst_on_idle(struct h2_wire *w)
{
    h2_frame_u32(w, F_RST, 5, 0);
}
static void goaway_of_4(struct h2_wire *w)
{
    h2_frame_u32(w, F_GOAWAY, 0, 0);
}
static void stray_continuation(struct h2_wire *w)
{
    h2_frame(w, F_CONTINUATION, END_HEADERS, 1, NULL, 0);
}
static void broken_block(struct h2_wire *w)
{
    struct h2_wire b = {0};
    h2_block(&b, OK_HEAD);
    h2_frame(w, F_HEADERS, 0, 1, b.p, b.n);
    h2_frame(w, F_PING, 0, 0, "12345678", 8);
    h2_wire_free(&b);
}
static void nine_continuations(struct h2_wire *w)
{
    struct h2_wire b = {0};
    h2_block(&b, OK_HEAD);
    h2_frame(w, F_HEADERS, 0, 1, b.p, b.n);
    for (int i = 0; i < 9; i++)
        h2_frame(w, F_CONTINUATION, i == 8 ? END_HEADERS : 0, 1, NULL, 0);
    h2_wire_free(&b);
}
static void bad_hpack(struct h2_wire *w)
{
    h2_frame(w, F_HEADERS, END_HEADERS, 1, "\xff\xff\xff\xff", 4);
}
static void bad_padding(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
    h2_frame(w, F_DATA, PADDED, 1, "\x05x", 2);
}
static void http1(struct h2_wire *w)
{
    const char text[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    w->n = 0; /* without SETTINGS */
    h2_raw(w, text, sizeof text - 1);
}
static void no_settings(struct h2_wire *w)
{
    w->n = 0;
    h2_headers(w, 1, END_STREAM, OK_HEAD);
}
static void ack_first(struct h2_wire *w)
{
    w->n = 0;
    h2_frame(w, F_SETTINGS, ACK, 0, NULL, 0);
}
static void many_infos(struct h2_wire *w)
{
    for (int i = 0; i < 17; i++)
        h2_headers(w, 1, 0, ":status=103\n");
}
static void fields_of(struct h2_wire *w, int n, unsigned flags)
{
    struct h2_wire b = {0};
    if (flags == 0)
        h2_block(&b, OK_HEAD);
    for (int i = 0; i < n; i++)
        h2_field(&b, "a", "");
    h2_frame(w, F_HEADERS, END_HEADERS | flags, 1, b.p, b.n);
    h2_wire_free(&b);
}
static void many_fields(struct h2_wire *w)
{
    fields_of(w, 501, 0);
}
static void far_too_many_fields(struct h2_wire *w)
{
    fields_of(w, 2001, 0);
}
static void many_trailers(struct h2_wire *w)
{
    h2_headers(w, 1, 0, OK_HEAD);
    fields_of(w, 102, END_STREAM);
}
/* One entry of 4000 bytes in the table, then one byte for each use of it. */
static void bomb_of(struct h2_wire *w, int uses_n)
{
    struct h2_wire b = {0};
    char value[3900];
    memset(value, 'v', sizeof value);
    h2_block(&b, OK_HEAD);
    h2_byte(&b, 0x40);
    h2_string(&b, "a", 1);
    h2_string(&b, value, sizeof value);
    for (int i = 0; i < uses_n; i++)
        h2_byte(&b, 0x80 | 62);
    h2_frame(w, F_HEADERS, END_HEADERS, 1, b.p, b.n);
    h2_wire_free(&b);
}
static void small_bomb(struct h2_wire *w)
{
    bomb_of(w, 60);
}
static void bomb(struct h2_wire *w)
{
    bomb_of(w, 12000);
}
static void stream_window_broken(struct h2_wire *w)
{
    h2_frame(w, F_SETTINGS, ACK, 0, NULL, 0); /* from here on our window is the one we asked for */
    h2_headers(w, 1, 0, OK_HEAD);
    h2_data(w, 1, 0, "0123456789abcdefg");
}

static const struct ps_codec_limits tiny_window = {
    .head = {131072, 500}, .trailer = {16384, 100}, .info_n = 16, .window_bytes = 16};

#define HEADED "HEAD 1 200\n"
#define BROKEN(code) "RESET 1 PROTOCOL " code "\nFAIL PROTOCOL " code "\n"

static const struct h2_case heads[] = {
    {.name = "upper case", .build = upper_case, BAD_HEAD, RST_SENT},
    {.name = "connection", .build = connection, BAD_HEAD, RST_SENT},
    {.name = "keep-alive", .build = keep_alive, BAD_HEAD, RST_SENT},
    {.name = "transfer-encoding", .build = transfer_encoding, BAD_HEAD, RST_SENT},
    {.name = "upgrade", .build = upgrade, BAD_HEAD, RST_SENT},
    {.name = "proxy-connection", .build = proxy_connection, BAD_HEAD, RST_SENT},
    {.name = "no :status", .build = no_status, BAD_HEAD, RST_SENT},
    {.name = "two :status", .build = two_statuses, BAD_HEAD, RST_SENT},
    {.name = ":status after a field", .build = late_status, BAD_HEAD, RST_SENT},
    {.name = ":status of two digits", .build = short_status, BAD_HEAD, RST_SENT},
    {.name = ":status of letters", .build = word_status, BAD_HEAD, RST_SENT},
    {.name = "101", .build = status_101, BAD_HEAD, RST_SENT},
    {.name = "an unknown pseudo field", .build = unknown_pseudo, BAD_HEAD, RST_SENT},
    {.name = "a request's pseudo field", .build = request_pseudo, BAD_HEAD, RST_SENT},
    {.name = "CR in a value", .build = cr_in_value, BAD_HEAD, RST_SENT},
    {.name = "LF in a value", .build = lf_in_value, BAD_HEAD, RST_SENT},
    {.name = "NUL in a value", .build = nul_in_value, BAD_HEAD, RST_SENT},
    {.name = "a space in a name", .build = space_in_name, BAD_HEAD, RST_SENT},
    {.name = "a colon in a name", .build = colon_in_name, BAD_HEAD, RST_SENT},
    {.name = "two lengths", .build = two_lengths, BAD_HEAD, RST_SENT},
    {.name = "a length with a letter", .build = word_length, BAD_HEAD, RST_SENT},
    {.name = "a negative length", .build = negative_length, BAD_HEAD, RST_SENT},
    {.name = "rule 61: a length and END_STREAM", .build = length_and_end, BAD_HEAD, RST_SENT},
    {.name = "rule 47: 103 and END_STREAM", .build = info_and_end, BAD_HEAD, RST_SENT},
    {.name = "rule 57: pseudo in trailers", .build = pseudo_in_trailers, HEADED BAD_HEAD, RST_SENT},
    {.name = "trailers without END_STREAM",
     .build = trailers_without_end,
     HEADED BAD_HEAD,
     RST_SENT},
    {.name = "rule 58: a body too long",
     .build = body_too_long,
     "HEAD 1 200 content-length=3\n" BAD_HEAD,
     RST_SENT,
     .is_cut_sensitive = true},
    {.name = "rule 58: a body too short",
     .build = body_too_short,
     "HEAD 1 200 content-length=3\nBODY 1 ab\n" BAD_HEAD,
     RST_SENT},
    {.name = "DATA inside interim heads", .build = data_in_info, "INFO 1 103\n" BAD_HEAD, RST_SENT},
    {.name = "rule 47: 17 interim heads",
     .build = many_infos,
     "INFO 1 103\nINFO 1 103\nINFO 1 103\nINFO 1 103\nINFO 1 103\nINFO 1 103\nINFO 1 103\n"
     "INFO 1 103\nINFO 1 103\nINFO 1 103\nINFO 1 103\nINFO 1 103\nINFO 1 103\nINFO 1 103\n"
     "INFO 1 103\nINFO 1 103\nRESET 1 LIMIT ENHANCE_YOUR_CALM\n",
     "RST 1 ENHANCE_YOUR_CALM\n"},
    {.name = "rule 45: 501 fields",
     .build = many_fields,
     "RESET 1 LIMIT CANCEL\n",
     "RST 1 CANCEL\n"},
    {.name = "rule 45: 102 trailers",
     .build = many_trailers,
     HEADED "RESET 1 LIMIT CANCEL\n",
     "RST 1 CANCEL\n"},
    {.name = "rule 54: a small bomb",
     .build = small_bomb,
     "RESET 1 LIMIT CANCEL\n",
     "RST 1 CANCEL\n"},
    {.name = "rule 31: the stream's window overrun",
     .build = stream_window_broken,
     HEADED "BODY 1 0123456789abcdefg\nRESET 1 PROTOCOL FLOW_CONTROL_ERROR\n",
     "RST 1 FLOW_CONTROL_ERROR\n",
     .or_log = HEADED "RESET 1 PROTOCOL FLOW_CONTROL_ERROR\nFAIL PROTOCOL FLOW_CONTROL_ERROR\n",
     .or_sent = "GOAWAY FLOW_CONTROL_ERROR\n",
     .limits = &tiny_window,
     .is_cut_sensitive = true},
    {.name = "rule 31: our window for a stream overflows",
     .build = window_over_stream,
     "RESET 1 PROTOCOL FLOW_CONTROL_ERROR\n",
     "RST 1 FLOW_CONTROL_ERROR\n",
     .or_log = "RESET 1 PROTOCOL FLOW_CONTROL_ERROR\nFAIL PROTOCOL FLOW_CONTROL_ERROR\n",
     .or_sent = "GOAWAY FLOW_CONTROL_ERROR\n",
     .method = "POST",
     .body = PS_BODY_STREAM},
    {.name = "rule 60: frames after the end are ignored",
     .build = data_after_end,
     HEADED "END 1\n",
     ""},
};

static const struct h2_case connections[] = {
    {.name = "HTTP/1.1", .build = http1, BAD_CONN, GOAWAY_SENT},
    {.name = "rule 13: no SETTINGS", .build = no_settings, BAD_CONN, GOAWAY_SENT},
    {.name = "rule 13: an ACK first", .build = ack_first, BAD_CONN, GOAWAY_SENT},
    {.name = "rule 13: an ACK for nothing", .build = stray_ack, BAD_CONN, GOAWAY_SENT},
    {.name = "SETTINGS of 5 bytes",
     .build = settings_of_5,
     BROKEN("FRAME_SIZE_ERROR"),
     "GOAWAY FRAME_SIZE_ERROR\n"},
    {.name = "SETTINGS on a stream", .build = settings_on_1, BAD_CONN, GOAWAY_SENT},
    {.name = "INITIAL_WINDOW_SIZE too big",
     .build = window_too_big,
     BROKEN("FLOW_CONTROL_ERROR"),
     "GOAWAY FLOW_CONTROL_ERROR\n"},
    {.name = "MAX_FRAME_SIZE too small", .build = frame_size_small, BAD_CONN, GOAWAY_SENT},
    {.name = "ENABLE_PUSH from a server", .build = push_enabled, BAD_CONN, GOAWAY_SENT},
    {.name = "rule 11: PUSH_PROMISE", .build = push, BAD_CONN, GOAWAY_SENT},
    {.name = "a frame over 16384 bytes",
     .build = big_frame,
     BROKEN("FRAME_SIZE_ERROR"),
     "GOAWAY FRAME_SIZE_ERROR\n"},
    {.name = "PING of 7 bytes",
     .build = ping_of_7,
     BROKEN("FRAME_SIZE_ERROR"),
     "GOAWAY FRAME_SIZE_ERROR\n"},
    {.name = "PING on a stream", .build = ping_on_1, BAD_CONN, GOAWAY_SENT},
    {.name = "rule 31: WINDOW_UPDATE 0", .build = window_0_conn, BAD_CONN, GOAWAY_SENT},
    {.name = "rule 31: WINDOW_UPDATE overflows",
     .build = window_over_conn,
     BROKEN("FLOW_CONTROL_ERROR"),
     "GOAWAY FLOW_CONTROL_ERROR\n"},
    {.name = "RST_STREAM of 3 bytes",
     .build = rst_of_3,
     BROKEN("FRAME_SIZE_ERROR"),
     "GOAWAY FRAME_SIZE_ERROR\n"},
    {.name = "RST_STREAM on an idle stream", .build = rst_on_idle, BAD_CONN, GOAWAY_SENT},
    {.name = "GOAWAY of 4 bytes",
     .build = goaway_of_4,
     BROKEN("FRAME_SIZE_ERROR"),
     "GOAWAY FRAME_SIZE_ERROR\n"},
    {.name = "DATA before HEADERS", .build = data_first, BAD_CONN, GOAWAY_SENT},
    {.name = "DATA on an idle stream", .build = data_on_idle, BAD_CONN, GOAWAY_SENT},
    {.name = "DATA on stream 0", .build = data_on_0, BAD_CONN, GOAWAY_SENT},
    {.name = "HEADERS on a stream of its own", .build = headers_on_even, BAD_CONN, GOAWAY_SENT},
    {.name = "HEADERS on an idle stream", .build = headers_on_idle, BAD_CONN, GOAWAY_SENT},
    {.name = "CONTINUATION of nothing", .build = stray_continuation, BAD_CONN, GOAWAY_SENT},
    {.name = "PING inside a header block", .build = broken_block, BAD_CONN, GOAWAY_SENT},
    {.name = "rule 46: nine CONTINUATIONs",
     .build = nine_continuations,
     "RESET 1 LIMIT ENHANCE_YOUR_CALM\nFAIL LIMIT ENHANCE_YOUR_CALM\n",
     "GOAWAY ENHANCE_YOUR_CALM\n"},
    {.name = "HPACK index out of range",
     .build = bad_hpack,
     BROKEN("COMPRESSION_ERROR"),
     "GOAWAY COMPRESSION_ERROR\n"},
    {.name = "padding longer than the frame", .build = bad_padding, HEADED BAD_CONN, GOAWAY_SENT},
    {.name = "rule 45: 2001 fields",
     .build = far_too_many_fields,
     "RESET 1 LIMIT CANCEL\nFAIL LIMIT ENHANCE_YOUR_CALM\n",
     "GOAWAY ENHANCE_YOUR_CALM\n",
     .is_cut_sensitive = true},
    {.name = "rule 54: a bomb",
     .build = bomb,
     "RESET 1 LIMIT CANCEL\nFAIL LIMIT ENHANCE_YOUR_CALM\n",
     "GOAWAY ENHANCE_YOUR_CALM\n",
     .is_cut_sensitive = true},
};

static void test_heads_and_bodies(void)
{
    H2_CASES(heads);
}

static void test_connections(void)
{
    H2_CASES(connections);
}

static const struct t_test tests[] = {
    {"heads_and_bodies", test_heads_and_bodies},
    {"connections", test_connections},
};
T_MAIN(tests)
