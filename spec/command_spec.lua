-- SPDX-License-Identifier: MIT
-- The program, not on a terminal, against the simulator.
local cjson = require "cjson"
local shell = require "shell"
local support = require "support"
local taskqueue = require "taskqueue"

describe("the taskqueue program", function()
  local sim, environment

  before_each(function()
    sim = support.sim()
    environment = {
      MOBIZON_URL = sim.url, MOBIZON_API_KEY = sim.api_key, CNODE_URL = sim.node_url,
    }
  end)
  after_each(support.finish)

  local function run(script) return shell.run(script .. " </dev/null", environment) end

  describe("wait", function()
    it("ends with 0 when every task of both services has succeeded, a line for each", function()
      local a, b = sim:task(), sim:task { service = "node" }
      local output, status, errors = run(("taskqueue wait --rate 100 %s cnode:%s"):format(a, b))
      assert.equal("", errors)
      assert.equal(0, status)
      local lines = "\n" .. output
      assert.matches("\n" .. a .. " succeeded\n", lines)
      assert.matches("\ncnode:" .. b .. " succeeded\n", lines)
    end)

    it("tells changes on the way, the state and the percentage", function()
      local id = sim:task { outcome = "stuck", progress = { { 0, 42 }, { 1, 42 } } }
      local output = run(("taskqueue wait --timeout 0.5 --rate 100 %s"):format(id))
      assert.matches("^" .. id .. " running 42%%\n", output)
    end)

    it("ends with 1 when a task failed, and says so on the error output", function()
      local good, bad = sim:task(), sim:task { outcome = "rejected" }
      local output, status, errors = run(("taskqueue wait --rate 100 %s %s"):format(good, bad))
      assert.equal(1, status)
      assert.matches(bad .. " failed\n", output)
      assert.equal(("taskqueue: task %s: rejected by the service\n"):format(bad), errors)
    end)

    it("ends with 3 when the time is over, and tells how to go on", function()
      local output, status, errors = run("taskqueue wait -t 0.3 --rate 100 "
        .. sim:task { outcome = "stuck" })
      assert.equal(3, status)
      assert.matches(" timeout\n$", output)
      assert.matches("wait again, or longer with --timeout", errors, 1, true)
    end)

    it("ends with 4 when nobody can tell, and with 5 when the key is refused", function()
      local _, status, errors = run "taskqueue wait 77"
      assert.equal(4, status)
      assert.matches("check the id", errors)
      environment.MOBIZON_API_KEY = "wrong0key"
      _, status, errors = run "taskqueue wait 77"
      assert.equal(5, status)
      assert.matches("check the key", errors)
      assert.not_matches("wrong0key", errors)
    end)

    it("with --any ends with the first", function()
      local stuck, quick = sim:task { outcome = "stuck" }, sim:task { duration = 0.1 }
      local output, status = run(("taskqueue wait --any --rate 100 %s %s"):format(stuck, quick))
      assert.equal(0, status)
      assert.matches(quick .. " succeeded\n", output)
    end)

    it("reads ids from the standard input", function()
      local script = ("echo %s | taskqueue wait -"):format(sim:task())
      local output, status = shell.run(script, environment)
      assert.equal(0, status)
      assert.matches("succeeded", output)
    end)

    it("is quiet when told so", function()
      local output, status, errors = run("taskqueue wait -q " .. sim:task { outcome = "rejected" })
      assert.same({ "", 1, "" }, { output, status, errors })
    end)

    it("writes JSON that jq reads, one object a line", function()
      local ids = {}
      for i = 1, 10 do
        ids[i] = sim:task { duration = 0.1 * i, outcome = i == 7 and "rejected" or nil }
      end
      local output, status = shell.run(("taskqueue wait --json --rate 100 %s </dev/null | jq -c "
        .. "'select(.event == \"end\") | [.id, .service, .ok, .state, .code, .kind]'"):format(
        table.concat(ids, " ")), environment)
      assert.equal(0, status)
      local seen = {}
      for line in output:gmatch("[^\n]+") do
        local record = cjson.decode(line)
        seen[record[1]] = record
      end
      for i, id in ipairs(ids) do
        local is_good = i ~= 7
        local expected = is_good and { id, "mobizon", true, "succeeded", 2, cjson.null }
          or { id, "mobizon", false, "failed", 3, "failed" }
        assert.same(expected, seen[id])
      end
    end)
  end)

  describe("status", function()
    it("looks once at each, in their order, and ends with 0 whatever they are at", function()
      local ids = { sim:task { delay = 100 }, sim:task(), sim:task { outcome = "rejected" } }
      local output, status = run("taskqueue status --rate 100 " .. table.concat(ids, " "))
      assert.equal(0, status)
      assert.equal(("%s pending 0%%\n%s succeeded 100%%\n%s failed 99%%\n"):format(
        ids[1], ids[2], ids[3]):gsub("%d+%%", "N%%"), (output:gsub("%d+%%", "N%%")))
      for _, id in ipairs(ids) do assert.equal(1, support.polls(sim, id)) end
    end)

    it("gives JSON", function()
      local id = sim:task { service = "node" }
      local record = cjson.decode((run("taskqueue status --json cnode:" .. id)))
      assert.same({ "status", id, "cnode", "succeeded", "FINISHED_OK" },
        { record.event, record.id, record.service, record.state, record.code })
    end)

    it("ends with 4 when one cannot be read", function()
      local output, status = run("taskqueue status --rate 100 77 " .. sim:task())
      assert.equal(4, status)
      assert.matches("succeeded", output)
    end)
  end)

  describe("call", function()
    it("prints the task that it began, as wait takes it", function()
      local output, status = run "taskqueue call report/create; taskqueue call startLogin"
      assert.equal(0, status)
      assert.matches("^%d+\ncnode:%w+\n$", output)
    end)

    it("sees a task to its end with --wait", function()
      sim:next_task { outcome = "rejected" }
      local _, status, errors = run "taskqueue call --wait report/create"
      assert.equal(1, status)
      assert.matches("rejected by the service", errors)
    end)

    it("sends parameters, nested, as lists, as JSON and from a file", function()
      local output = shell.run([[echo '{"one":"1"}' | taskqueue call --data - simEcho two=2 \
        'three[a]=x y' 'three[b][]=4' 'three[b][]=5' 'six:={"seven":["8","9"]}' ]], environment)
      local answer = cjson.decode(output)
      assert.equal("1", answer.one)
      assert.equal("2", answer.two)
      assert.same({ a = "x y", b = { "4", "5" } }, answer.three)
      assert.same({ seven = { "8", "9" } }, answer.six)
    end)

    it("uploads a file", function()
      local path = support.file "77011234567\n"
      local output = run("taskqueue call campaign/addRecipients id=7 recipientsFile=@" .. path)
      assert.matches("^%d+\n$", output)
    end)

    it("prints an answer that is no task as JSON", function()
      assert.equal("KZT", cjson.decode((run "taskqueue call user/getOwnBalance")).currency)
    end)

    it("says what is wrong with a parameter, and how to write it", function()
      for word, text in pairs {
        ["x"] = "write name=value", ["a[=1"] = "write name=value", ["a:=]"] = "is no JSON",
        ["a=@/nowhere"] = "/nowhere",
      } do
        local _, status, errors = run("taskqueue call report/create " .. shell.quote(word))
        assert.equal(2, status)
        assert.matches(text, errors, 1, true)
      end
      assert.equal(0, #sim:log())
    end)

    it("names the server that the service names", function()
      sim:fault { code = 13, data = "api.elsewhere.example" }
      local _, status, errors = run "taskqueue call report/create"
      assert.equal(4, status)
      assert.matches("--host api.elsewhere.example", errors, 1, true)
    end)
  end)

  describe("the key", function()
    it("comes from a file", function()
      environment.MOBIZON_API_KEY = nil
      local path = support.file("  " .. sim.api_key .. " \nmore\n")
      local _, status = run(("taskqueue wait --key-file %s %s"):format(path, sim:task()))
      assert.equal(0, status)
    end)

    it("is asked for by name when there is none, and a file without one is named", function()
      environment.MOBIZON_API_KEY = nil
      -- Without a terminal to ask on.
      local _, status, errors = shell.run(
        ("setsid -w %s lua/bin/taskqueue wait 1 </dev/null"):format(shell.interpreter), environment)
      assert.equal(2, status)
      assert.matches("set MOBIZON_API_KEY in the environment", errors)
      assert.matches("--key-file", errors, 1, true)
      _, status, errors = run("taskqueue wait --key-file " .. support.file "\n" .. " 1")
      assert.equal(2, status)
      assert.matches("its first line is empty", errors)
      _, status, errors = run "taskqueue wait --key-file /nowhere 1"
      assert.equal(2, status)
      assert.matches("/nowhere: No such file", errors)
    end)

    it("can not be given on the command line", function()
      local _, status = run "taskqueue wait --key abc 1"
      assert.equal(2, status)
    end)
  end)

  it("lets plain http out of the machine only when told so, in the words of its options", function()
    environment.CNODE_URL = "http://192.0.2.1/"
    local _, status, errors = run "taskqueue status cnode:1"
    assert.equal(2, status)
    assert.matches("--plain-http", errors, 1, true)
  end)

  describe("doctor", function()
    it("tells versions, TLS, authorities and what is missing, and ends with 0", function()
      local output, status = run "taskqueue doctor"
      assert.equal(0, status)
      assert.matches("taskqueue " .. taskqueue._VERSION, output, 1, true)
      assert.matches("libcurl %d", output)
      assert.matches("TLS by ", output)
      assert.matches("trusted authorities in /", output)
      assert.matches("taskqueue.sim", output, 1, true)
    end)

    it("tries both services, and ends with 1 when one is not there", function()
      local output, status = run "taskqueue doctor --connect"
      assert.equal(0, status)
      assert.matches("mobizon answers at", output)
      assert.matches("cnode answers at", output)
      assert.equal(1, support.polls(sim, "1") - 1)
      environment.CNODE_URL = "http://127.0.0.1:1/"
      output, status = run "taskqueue doctor --connect"
      assert.equal(1, status)
      assert.matches("wrong   cnode at", output)
    end)

    it("says so when libcurl cannot be loaded", function()
      environment.RIGHT = package.cpath
      local output, status = shell.run([[
        folder=$(mktemp -d)
        mkdir "$folder/taskqueue"
        echo "no library" >"$folder/taskqueue/libcurl.so"
        export LUA_CPATH="$folder/?.so;$RIGHT" LUA_CPATH_5_4="$folder/?.so;$RIGHT"
        taskqueue doctor
        status=$?
        rm -r "$folder"
        exit $status]], environment)
      assert.equal(1, status)
      assert.matches("wrong   libcurl cannot be loaded: .*taskqueue/libcurl%.so", output)
      assert.matches("install libcurl", output)
    end)

    it("says how to mend a missing file of authorities", function()
      local output, status = run "taskqueue doctor --ca-file /nowhere"
      assert.equal(1, status)
      assert.matches("ca%-certificates", output)
    end)
  end)

  it("explains itself, each command too", function()
    for command in ("- wait status call sim doctor fleet completion"):gmatch("%S+") do
      command = command == "-" and "" or command .. " "
      local output, status = run("taskqueue " .. command .. "--help")
      assert.equal(0, status)
      assert.matches("^Usage: taskqueue", output)
      for line in output:gmatch("[^\n]+") do
        -- The simulator's own help is wider.
        assert.is_true(#line <= 80 or command == "sim ", line)
      end
    end
    assert.equal(("taskqueue %s\n"):format(taskqueue._VERSION), (run "taskqueue --version"))
  end)

  it("refuses a wrong command line with 2, and tells what is wrong and how it is right", function()
    for words, text in pairs {
      [""] = "a command is required", ["wiat 1"] = "Did you mean 'wait'",
      ["wait"] = "taskqueue wait [-h]",
      ["wait -t soon 1"] = "write 90, 90s, 10m", ["wait --rate 0 1"] = "write polls a second",
      ["wait ''"] = "the id must be", ["completion fish"] = "bash", ["wait -"] = "no ids",
    } do
      local _, status, errors = run("taskqueue " .. words)
      assert.equal(2, status, words)
      assert.matches("^taskqueue: ", errors)
      assert.matches(text, errors, 1, true)
    end
  end)

  it("completes commands and options in bash and in zsh", function()
    local output, status = run [[bash -c 'eval "$1"; complete -p taskqueue
      COMP_WORDS=(taskqueue wait --a); COMP_CWORD=2; _taskqueue; echo "${COMPREPLY[@]}"' \
      bash "$(taskqueue completion bash)" ]]
    assert.equal(0, status)
    assert.matches("%-%-any", output)
    output, status = run [[zsh -f -c 'autoload -U compinit; compinit -D; eval "$1"
      whence -w _taskqueue' zsh "$(taskqueue completion zsh)" ]]
    assert.equal("_taskqueue: function\n", output)
    assert.equal(0, status)
  end)
end)
