/* Scripts, run by Lua 5.1, the version that Redis embeds. Compiled ones are kept under their text. */
#include <inttypes.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "redis_data.h"

static lua_State *lua;
static const struct command *context; /* of the script that runs */
static bool has_written;

/* Two 64-bit FNV hashes and the length. */
void script_sha1(const char *text, size_t len, char sha1[41])
{
	uint64_t a = 14695981039346656037u, b = 1099511628211u;

	for (size_t i = 0; i < len; i++) {
		a = (a ^ (unsigned char)text[i]) * 1099511628211u;
		b = (b + (unsigned char)text[i]) * 6364136223846793005u;
	}
	snprintf(sha1, 41, "%016" PRIx64 "%016" PRIx64 "%08zx", a, b, len);
}

/* ---- replies into Lua: https://redis.io/docs/latest/develop/interact/programmability/lua-api/#data-type-conversion ---- */

static void push(const redisReply *reply);

static void push_table(const char *field, const redisReply *reply)
{
	lua_createtable(lua, 0, 1);
	lua_pushlstring(lua, reply->str, reply->len);
	lua_setfield(lua, -2, field);
}

static void push(const redisReply *reply)
{
	switch (reply->type) {
	case REDIS_REPLY_INTEGER:
		lua_pushnumber(lua, (lua_Number)reply->integer);
		break;
	case REDIS_REPLY_STRING:
		lua_pushlstring(lua, reply->str, reply->len);
		break;
	case REDIS_REPLY_STATUS:
		push_table("ok", reply);
		break;
	case REDIS_REPLY_ERROR:
		push_table("err", reply);
		break;
	case REDIS_REPLY_ARRAY:
		lua_createtable(lua, (int)reply->elements, 0);
		for (size_t i = 0; i < reply->elements; i++) {
			push(reply->element[i]);
			lua_rawseti(lua, -2, (int)i + 1);
		}
		break;
	default:
		lua_pushboolean(lua, 0);
	}
}

/* ---- and out of it ---- */

static redisReply *pop(void);

static redisReply *pop_table(void)
{
	redisReply *reply;
	size_t n = 0;

	lua_getfield(lua, -1, "err");
	if (lua_isstring(lua, -1)) {
		reply = reply_error("%s", lua_tostring(lua, -1));
		lua_pop(lua, 2);
		return reply;
	}
	lua_pop(lua, 1);
	lua_getfield(lua, -1, "ok");
	if (lua_isstring(lua, -1)) {
		reply = reply_word(lua_tostring(lua, -1));
		lua_pop(lua, 2);
		return reply;
	}
	lua_pop(lua, 1);
	reply = reply_array(lua_objlen(lua, -1));
	for (; n < reply->elements; n++) {
		lua_rawgeti(lua, -1, (int)n + 1);
		if (lua_isnil(lua, -1)) {
			lua_pop(lua, 1);
			break;
		}
		reply->element[n] = pop();
	}
	reply->elements = n;
	lua_pop(lua, 1);
	return reply;
}

static redisReply *pop(void)
{
	redisReply *reply;
	const char *text;
	size_t len;

	switch (lua_type(lua, -1)) {
	case LUA_TTABLE:
		return pop_table();
	case LUA_TNUMBER:
		reply = reply_int((long long)lua_tonumber(lua, -1));
		break;
	case LUA_TSTRING:
		text = lua_tolstring(lua, -1, &len);
		reply = reply_text(text, len);
		break;
	case LUA_TBOOLEAN:
		reply = lua_toboolean(lua, -1) ? reply_int(1) : reply_nil();
		break;
	default:
		reply = reply_nil();
	}
	lua_pop(lua, 1);
	return reply;
}

/* ---- redis.call() and redis.pcall() ---- */

#define CALL_ARGS_MAX 64

static int call(lua_State *state, bool raises)
{
	const char *argv[CALL_ARGS_MAX];
	char numbers[CALL_ARGS_MAX][32];
	size_t lens[CALL_ARGS_MAX];
	struct command command = *context;
	redisReply *reply;
	bool is_error;

	command.argc = lua_gettop(state);
	for (int i = 0; i < command.argc && i < CALL_ARGS_MAX; i++)
		if (lua_type(state, i + 1) == LUA_TNUMBER) {
			lens[i] = (size_t)snprintf(numbers[i], sizeof *numbers, "%.17g", lua_tonumber(state, i + 1));
			argv[i] = numbers[i];
		} else {
			argv[i] = luaL_checklstring(state, i + 1, &lens[i]);
		}
	command.argv = argv;
	command.lens = lens;
	command.has_written = &has_written;
	reply = command_run(&command);
	is_error = reply->type == REDIS_REPLY_ERROR;
	push(reply);
	freeReplyObject(reply);
	return raises && is_error ? lua_error(state) : 1;
}

static int redis_call(lua_State *state)
{
	return call(state, true);
}

static int redis_pcall(lua_State *state)
{
	return call(state, false);
}

static void begin(void)
{
	lua = luaL_newstate();
	if (!lua)
		mem_die("no Lua can be made\n");
	luaL_openlibs(lua);
	lua_createtable(lua, 0, 2);
	lua_pushcfunction(lua, redis_call);
	lua_setfield(lua, -2, "call");
	lua_pushcfunction(lua, redis_pcall);
	lua_setfield(lua, -2, "pcall");
	lua_setglobal(lua, "redis");
}

/* ---- running ---- */

/* Leaves the compiled script on the stack; false: the error. */
static bool compile(const char *text, size_t len)
{
	lua_pushlstring(lua, text, len);
	lua_rawget(lua, LUA_REGISTRYINDEX);
	if (lua_isfunction(lua, -1))
		return true;
	lua_pop(lua, 1);
	if (luaL_loadbuffer(lua, text, len, "@user_script") != 0)
		return false;
	lua_pushlstring(lua, text, len);
	lua_pushvalue(lua, -2);
	lua_rawset(lua, LUA_REGISTRYINDEX);
	return true;
}

static void set_list(const char *name, int count, const char **argv, const size_t *lens)
{
	lua_createtable(lua, count, 0);
	for (int i = 0; i < count; i++) {
		lua_pushlstring(lua, argv[i], lens[i]);
		lua_rawseti(lua, -2, i + 1);
	}
	lua_setglobal(lua, name);
}

/* Of an error that a command raised or Lua found. */
static redisReply *failure(void)
{
	redisReply *reply, *error;

	if (lua_type(lua, -1) == LUA_TSTRING) {
		reply = reply_error("ERR %s script: 0, on @user_script.", lua_tostring(lua, -1));
		lua_pop(lua, 1);
		return reply;
	}
	error = pop();
	reply = reply_error("%s script: 0, on @user_script.", error->str);
	freeReplyObject(error);
	return reply;
}

/* A script that begins with #!lua says itself what it may do: without allow-oom it does not run at all while Redis is full. Its
 * first line is no Lua; the end of that line stays, so that lines keep their numbers. */
static redisReply *read_flags(struct command *command, const char **text, size_t *len)
{
	const char *end = memchr(*text, '\n', *len);
	bool allows_full = false;

	if (*len < 2 || memcmp(*text, "#!", 2) != 0 || !end)
		return NULL;
	allows_full = memmem(*text, (size_t)(end - *text), "allow-oom", 9) != NULL;
	*len -= (size_t)(end - *text);
	*text = end;
	if (command->is_full && !allows_full)
		return reply_error(
			"OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'");
	command->is_full = false;
	return NULL;
}

redisReply *script_run(const struct command *command, const char *text, size_t len, int keys, int argc, const char **argv,
		       const size_t *lens)
{
	struct command flagged = *command;
	redisReply *reply = read_flags(&flagged, &text, &len);

	if (reply)
		return reply;
	if (!lua)
		begin();
	context = &flagged;
	has_written = false;
	set_list("KEYS", keys, argv, lens);
	set_list("ARGV", argc - keys, argv + keys, lens + keys);
	if (!compile(text, len) || lua_pcall(lua, 0, 1, 0) != 0)
		reply = failure();
	else
		reply = pop();
	context = NULL;
	return reply;
}
