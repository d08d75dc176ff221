-- SPDX-License-Identifier: MIT
-- What a reply to Mobizon's getStatus may be, in JSON, beyond what all services have in common.
local support = require "support"
local taskqueue = require "taskqueue"

describe("a poll of Mobizon", function()
  local sim, client

  before_each(function()
    sim = support.sim()
    client = support.client(sim)
  end)

  after_each(support.finish)

  it("takes numbers and decimal text alike", function()
    local id = sim:task { duration = 60 }
    for _, data in ipairs {
      '{"progress":"40","status":"2"}', '{"progress":40.0,"status":2.0,"more":[1]}',
      '{"status":2,"progress":4e1}',
    } do
      sim:fault { data_json = data }
      local status = assert(client:wait_until_done(id))
      assert.same({ 40, 2, "succeeded" }, { status.progress, status.code, status.state })
      assert.equal("40", tostring(status.progress))
      assert.equal("2", tostring(status.code))
    end
  end)

  it("does without a progress that is missing or no number", function()
    local id = sim:task { duration = 60 }
    for _, progress in ipairs { "null", "{}", '"soon"', "true", "[]" } do
      sim:fault { data_json = ('{"progress":%s,"status":2}'):format(progress) }
      local status = assert(client:wait_until_done(id))
      assert.is_nil(status.progress)
    end
    sim:fault { data_json = '{"status":2}' }
    assert.is_nil(assert(client:wait_until_done(id)).progress)
  end)

  it("brings a progress that is out of range into it", function()
    local id = sim:task { duration = 60 }
    for given, expected in pairs { ["-5"] = 0, ["150"] = 100, ["99.9"] = 99 } do
      sim:fault { data_json = ('{"progress":%s,"status":2}'):format(given) }
      assert.equal(expected, assert(client:wait_until_done(id)).progress)
    end
  end)

  it("keeps an id over 2^53 digit for digit", function()
    local id = sim:task { id = "9007199254740993" }
    assert.equal(id, assert(client:wait_until_done(id)).id)
  end)
  it("ends at once with one that stays", function()
    for _, case in ipairs {
      { { code = 8 }, "auth" }, { { code = 9 }, "auth" }, { { code = 14 }, "auth" },
      { { code = 1 }, "service" }, { { code = 12 }, "service" }, { { code = 13 }, "service" },
      { { code = 77 }, "service" }, { { http_status = 401, body = "" }, "auth" },
      { { http_status = 404, body = "<p>" }, "http" },
      { { http_status = 302, body = "" }, "http" },
    } do
      sim:fault(case[1])
      local _, message, kind, detail = client:wait_until_done(sim:task())
      assert.equal(case[2], kind, message)
      assert.equal(1, detail.attempts)
    end
  end)

  it("never takes an unreadable reply for an end", function()
    for _, envelope in ipairs {
      "", "null", "[]", "2", '"x"', "{}", '{"code":null}', '{"code":"x"}', '{"code":0}',
      '{"code":0,"data":[]}', '{"code":0,"data":2}', '{"code":0,"data":{"status":null}}',
      '{"code":0,"data":{"status":"done"}}', '{"code":0,"data":{"status":2.5}}',
      '{"code":0,"data":{"status":[2]}}', '{"code":100,"data":{"status":2}}',
      '{"code":0.5,"data":{"status":2}}', '{"code":0,"data":{"status":2}',
    } do
      sim:fault { envelope = envelope }
      local _, message, kind = client:wait_until_done(sim:task(), { max_poll_errors = 0 })
      assert.equal("protocol", kind, envelope)
      assert.matches("^task %d+: ", message)
    end
  end)

  it("reads an envelope under any HTTP status", function()
    sim:fault { http_status = 500, envelope = '{"code":"8","data":[],"message":"no"}' }
    local _, message, kind, detail = client:wait_until_done(sim:task())
    assert.equal("auth", kind)
    assert.matches('code 8%): "no"$', message)
    assert.same({ 8, 500 }, { detail.code, detail.http_status })
  end)

  it("takes a code that no number can hold for an unreadable reply", function()
    for _, code in ipairs { "1e20", '"99999999999999999999"', "1e400", "-1e300" } do
      sim:fault { envelope = ('{"code":%s,"data":[],"message":""}'):format(code) }
      local _, _, kind = client:wait_until_done(sim:task(), { max_poll_errors = 0 })
      assert.equal("protocol", kind)
    end
  end)

  it("believes the HTTP status of a gateway rather than its words", function()
    for body, http_status in pairs {
      ['{"code":429,"message":"Too Many"}'] = 429, ['{"code":503}'] = 503, ['{"code":1}'] = 429,
    } do
      sim:fault { http_status = http_status, body = body }
      assert(client:wait_until_done(sim:task()))
    end
  end)

  it("paces polls of one key although clients come and go", function()
    local id = sim:task { duration = 60 }
    support.undisturbed(function()
      local first = #sim:log() + 1
      for _ = 1, 3 do
        local short = taskqueue.mobizon.new {
          url = sim.url .. "/", api_key = sim.api_key, rate = 20,
        }
        assert(short:get_status(id))
        short:close()
        collectgarbage()
        collectgarbage()
      end
      support.keeps_rate(sim:log(), 20, first)
    end)
  end)

  it("reads a reply in chunks with trailers", function()
    sim:fault { raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. '2a\r\n{"code":0,"data":{"progress":1,"status":2}}\r\n0\r\nX-Y: 1\r\n\r\n' }
    assert(client:wait_until_done(sim:task()))
  end)

  it("is one poll a second unless told otherwise", function()
    client = taskqueue.mobizon.new { url = sim.url, api_key = sim.api_key }
    assert(client:get_status(sim:task()))
    assert(client:get_status(sim:task()))
    local log = sim:log()
    assert.is_true(log[2].time - log[1].time >= 1)
    client:close()
  end)
end)
