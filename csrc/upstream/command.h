/* upstream/command.h -- what another thread wants of the io thread; on the asker's stack until it is obeyed.
 * Room-internal to server.c and command.c. */
#ifndef PS_UPSTREAM_COMMAND_H
#define PS_UPSTREAM_COMMAND_H

#include "upstream/server.h"

enum up_command_kind {
    UP_COMMAND_LISTEN,
    UP_COMMAND_CLOSE_PORT,
    UP_COMMAND_SCRIPT,
    UP_COMMAND_DROP,
    UP_COMMAND_GOAWAY,
    UP_COMMAND_STOP
};

struct up_command {
    struct ps_node node;
    enum up_command_kind kind;
    const struct up_listener_settings *settings;
    int port;
    struct up_script *script;
    enum up_cut how;
    struct ps_err *err;
    enum ps_status status; /* the answer */
    bool is_done;
};

/* io: does it. */
void up_command_obey(struct up_server *s, struct up_command *c);
/* io: the thread lets go of everything. */
void up_server_let_go(struct up_server *s);

#endif
