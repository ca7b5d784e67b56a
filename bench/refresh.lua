-- POST /auth/session/refresh with the tokens of $TOKENS, a file of one token a line. Each reply has the token for the next refresh of
-- its session, so there must be as many tokens as connections, or more. For one thread of wrk.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local tokens, first, last = {}, 1, 0
for token in io.lines(os.getenv("TOKENS")) do
	last = last + 1
	tokens[last] = token
end
function request()
	local token = tokens[first]
	tokens[first] = nil
	first = first + 1
	return wrk.format(nil, nil, nil, '{"refresh_token":"' .. token .. '"}')
end
function response(status, headers, body)
	last = last + 1
	tokens[last] = body:match('"refresh_token":"([^"]+)"')
end
