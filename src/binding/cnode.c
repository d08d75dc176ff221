/* SPDX-License-Identifier: MIT */
/* The Corporate Node's kind of client: SOAP requests, and the status in their replies. */
#include "cnode/cnode.h"

#include <string.h>

#include "base/err.h"
#include "binding/binding.h"

static const char *const headers[] = {"Content-Type: text/xml; charset=utf-8", "SOAPAction: \"\"",
                                      NULL};

static int encode(const tq_source *source, const tq_watch *watch, tq_buf *out)
{
    (void)source;
    return tq_cnode_encode_status(out, watch->id, watch->id_len, watch->more, watch->more_len);
}

static bool read_status(lua_State *L, const tq_client *client, const tq_http_reply *reply,
                        tq_reading *reading)
{
    (void)client;
    if (reply->outcome != TQ_HTTP_ANSWERED || reply->status < 200 || reply->status > 299)
        return false;
    const tq_xml_element *root = tq_xml_parse(L, reply->body, reply->body_len);
    const tq_xml_element *payload = tq_cnode_payload(root);
    return payload != NULL && !tq_cnode_is_fault(payload) &&
           tq_cnode_read_status(tq_cnode_fields(payload), reading);
}

static void set_text(lua_State *L, const char *name, const char *text, size_t len)
{
    lua_pushlstring(L, text, len);
    lua_setfield(L, -2, name);
}

/* additionalInfo as text, which is always kept, and decoded when it is JSON. */
static void set_info(lua_State *L, const tq_xml_element *info)
{
    if (info == NULL)
        return;
    set_text(L, "info_text", info->text, info->text_len);
    if (tq_json_push_value(L, info->text, info->text_len))
        lua_setfield(L, -2, "info");
    else
        lua_pop(L, 1);
}

/* The fields of the document that read_status has just read. */
static void push_more(lua_State *L, const tq_client *client)
{
    (void)client;
    size_t len;
    const tq_xml_element *root = tq_xml_root(tq_xml_reader_of(L));
    const tq_xml_element *fields = tq_cnode_fields(tq_cnode_payload(root));
    lua_createtable(L, 0, 4);
    const char *status = tq_cnode_text(fields, "status", &len);
    set_text(L, "code", status, len);
    const char *type = tq_cnode_text(fields, "type", &len);
    if (len > 0)
        set_text(L, "type", type, len);
    set_info(L, tq_xml_value(tq_xml_child(fields, "additionalInfo")));
}

static const tq_http_target *write_call(lua_State *L, const tq_client *client,
                                        const char *operation, int arguments, tq_transfer *transfer)
{
    tq_buf *out = tq_transfer_body(transfer);
    tq_check(L, tq_cnode_begin(out, operation), "call");
    tq_soap_write(L, arguments, out);
    tq_check(L, tq_cnode_end(out, operation), "call");
    return client->source.target;
}

/* cnode(options): options as the Lua side has checked and completed them. */
int tq_cnode_new(lua_State *L)
{
    static const tq_service service = {
        .read_status = read_status, .push_more = push_more, .write_call = write_call};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    tq_client *client = tq_client_push(L);
    client->service = &service;
    client->source.encode = encode;
    client->reads_xml = true;
    const char *password = tq_option_string(L, 1, "password");
    if (password != NULL)
        tq_check(L, tq_buf_add_text(&client->secret, password), "password");
    tq_client_open_peer(L, client, 1);
    tq_check(L, tq_http_target_open(&client->source.target, client->source.peer, "", headers),
             "url");
    return 1;
}
