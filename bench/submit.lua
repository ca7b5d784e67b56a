-- POST /values with small indexes, each submitted many times, as users do.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
local index = 0
function request()
	index = (index + 1) % 300
	return wrk.format(nil, nil, nil, '{"index":' .. index .. "}")
end
