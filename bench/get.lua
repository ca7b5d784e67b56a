-- GET, with the token in $TOKEN if there is one.
local token = os.getenv("TOKEN")
if token ~= "" then
	wrk.headers["Authorization"] = "Bearer " .. token
end
