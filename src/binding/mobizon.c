/* SPDX-License-Identifier: MIT */
/* Mobizon's kind of client: the key, the status request, and the status in a JSON or XML reply. */
#include "mobizon/mobizon.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "binding/binding.h"

#define STATUS_PATH "/service/taskqueue/getStatus"

/* The query tells what is wanted. */
static const char *const no_headers[] = {NULL};

static int encode(const tq_source *source, const tq_watch *watch, tq_buf *out)
{
    const tq_client *client = (const tq_client *)source;
    const char *key = client->key_in_query ? NULL : client->secret.data;
    return tq_mobizon_encode_status(out, watch->id, watch->id_len, key);
}

/* An integer that arrived as a number or as decimal text. */
static bool to_integer(lua_State *L, int index, int64_t *out)
{
    if (lua_type(L, index) == LUA_TSTRING) {
        size_t len;
        const char *text = lua_tolstring(L, index, &len);
        size_t sign = text[0] == '-';
        if (len - sign < 1 || len - sign > 15 || strspn(text + sign, "0123456789") != len - sign)
            return false;
    } else if (lua_type(L, index) != LUA_TNUMBER) {
        return false;
    }
    lua_Number number = lua_tonumber(L, index);
    bool is = number == floor(number) && fabs(number) < 1e15;
    *out = is ? (int64_t)number : 0;
    return is;
}

static bool field_is_integer(lua_State *L, int table, const char *name, int64_t *out)
{
    lua_getfield(L, table, name);
    bool is = to_integer(L, -1, out);
    lua_pop(L, 1);
    return is;
}

/* Percent: what is no number at all counts as not told, and what is out of range is brought in. */
static int progress_of(lua_State *L, int data)
{
    lua_getfield(L, data, "progress");
    bool is_number = lua_isnumber(L, -1);
    lua_Number percent = lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (!is_number || isnan(percent))
        return TQ_NO_PROGRESS;
    return percent < 0 ? 0 : percent > 100 ? 100 : (int)percent;
}

static bool read_data(lua_State *L, int data, tq_reading *reading)
{
    int64_t status;
    if (!lua_istable(L, data) || !field_is_integer(L, data, "status", &status))
        return false;
    *reading = tq_mobizon_reading(status, progress_of(L, data));
    return true;
}

static bool read_envelope(lua_State *L, int envelope, tq_reading *reading)
{
    int64_t code;
    if (!lua_istable(L, envelope) || !field_is_integer(L, envelope, "code", &code) || code != 0)
        return false;
    lua_getfield(L, envelope, "data");
    return read_data(L, lua_gettop(L), reading);
}

static bool read_json(lua_State *L, const tq_http_reply *reply, tq_reading *reading)
{
    int top = lua_gettop(L);
    bool is_read =
        tq_json_push(L, reply->body, reply->body_len) && read_envelope(L, lua_gettop(L), reading);
    lua_settop(L, top);
    return is_read;
}

/* A status counts only in a whole reply with HTTP 2xx and code 0. */
static bool read_status(lua_State *L, const tq_client *client, const tq_http_reply *reply,
                        tq_reading *reading)
{
    if (reply->outcome != TQ_HTTP_ANSWERED || reply->status < 200 || reply->status > 299)
        return false;
    if (!client->reads_xml)
        return read_json(L, reply, reading);
    return tq_mobizon_read_status(tq_xml_parse(L, reply->body, reply->body_len), reading);
}

static void keep_secret(lua_State *L, tq_client *client, int options)
{
    const char *key = tq_option_string(L, options, "api_key");
    luaL_argcheck(L, key != NULL && key[0] != '\0', options, "api_key: missing");
    tq_check(L, tq_buf_add_text(&client->secret, key), "api_key");
    lua_getfield(L, options, "key_in");
    const char *where = lua_tostring(L, -1);
    client->key_in_query = where != NULL && strcmp(where, "query") == 0;
    lua_pop(L, 1);
}

/* "?output=json&api=v1", and the key where it goes there. */
static int add_query(const tq_client *client, tq_buf *path)
{
    const char *query = client->reads_xml ? "?output=xml&api=v1" : "?output=json&api=v1";
    int err = tq_buf_add_text(path, query);
    if (err == TQ_OK && client->key_in_query)
        err = tq_mobizon_add_key(path, client->secret.data);
    return err;
}

static int open_target(const tq_client *client, const char *path, tq_http_target **out)
{
    tq_buf whole;
    tq_buf_init(&whole, SIZE_MAX / 4);
    int err = tq_buf_add_text(&whole, path);
    if (err == TQ_OK)
        err = add_query(client, &whole);
    if (err == TQ_OK)
        err = tq_http_target_open(out, client->source.peer, whole.data, no_headers);
    tq_buf_free(&whole);
    return err;
}

/* The target of one call, and the key into its body. */
static int complete_call(const tq_client *client, const char *path, tq_transfer *transfer)
{
    tq_http_target *target;
    int err = open_target(client, path, &target);
    if (err != TQ_OK)
        return err;
    tq_transfer_own_target(transfer, target);
    if (client->key_in_query)
        return TQ_OK;
    if (tq_transfer_is_multipart(transfer))
        return tq_transfer_add_text(transfer, "apiKey", client->secret.data, client->secret.len);
    return tq_mobizon_add_key(tq_transfer_body(transfer), client->secret.data);
}

static const tq_http_target *write_call(lua_State *L, const tq_client *client, const char *path,
                                        int parameters, tq_transfer *transfer)
{
    tq_form_write(L, parameters, transfer);
    /* A finalizer may have closed it meanwhile. */
    if (client->source.peer == NULL)
        tq_raise(L, "the client is closed");
    tq_check(L, complete_call(client, path, transfer), "call");
    return NULL;
}

/* mobizon(options): options as the Lua side has checked and completed them. */
int tq_mobizon_new(lua_State *L)
{
    static const tq_service service = {.read_status = read_status, .write_call = write_call};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    tq_client *client = tq_client_push(L);
    const char *format = tq_option_string(L, 1, "format");
    client->reads_xml = format != NULL && strcmp(format, "xml") == 0;
    client->service = &service;
    client->source.encode = encode;
    keep_secret(L, client, 1);
    tq_client_open_peer(L, client, 1);
    tq_check(L, open_target(client, STATUS_PATH, &client->source.target), "url");
    return 1;
}
