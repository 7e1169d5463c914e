-- Asks Simsim's gate about one request. Without a clear answer, the status stays 503.
local GATE = "http://127.0.0.1:8001/gate/verify"

core.register_action("simsim", { "http-req" }, function(txn)
    txn:set_var("txn.simsim_status", 503)
    local given = txn.http:req_get_headers()["authorization"] or {}
    local authorization = {}
    for index = 0, #given do
        if given[index] then table.insert(authorization, given[index]) end
    end
    local answer = core.httpclient():get{ url = GATE, timeout = 3000, headers = {
        ["authorization"] = authorization,
        ["x-request-id"] = { txn:get_var("txn.simsim_id") },
        ["x-forwarded-for"] = { txn.f:src() },
        ["x-forwarded-method"] = { txn.f:method() },
        ["x-forwarded-uri"] = { txn.f:pathq() },
    } }
    if answer.status ~= 204 and answer.status ~= 401 and answer.status ~= 403 and answer.status ~= 429 then return end
    local wait = answer.headers["retry-after"]
    txn:set_var("txn.simsim_wait", wait and wait[0] or "1")
    for _, name in ipairs({ "account", "token", "token-name" }) do
        local said = answer.headers["x-simsim-" .. name]
        txn:set_var("txn.simsim_" .. name:gsub("-", "_"), said and said[0] or "")
    end
    txn:set_var("txn.simsim_status", answer.status)
end, 0)
