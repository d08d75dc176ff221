---@meta taskqueue
-- SPDX-License-Identifier: MIT
-- What an editor with the Lua language server knows of the module. It is never loaded;
-- spec/meta_spec.lua holds it against the module.

---A task's state (`taskqueue.state`).
---@alias taskqueue.state "pending"|"running"|"succeeded"|"failed"

---How something failed (`taskqueue.kind`).
---@alias taskqueue.kind
---| "timeout" # the wait's time is over; the work goes on
---| "cancelled" # by `task:stop_waiting()`
---| "closed" # by `client:close()`
---| "network" # no connection, a broken one, or no answer in time
---| "tls" # the handshake broke off, or nobody vouches for the server
---| "http" # an HTTP status without the service's words
---| "protocol" # a reply that is not as documented
---| "auth" # the key is not accepted
---| "not_found" # no such task, or not yours
---| "expired" # seen, then gone: the outcome is unknown
---| "throttled" # called too often
---| "service" # the service refused
---| "failed" # the task itself ended badly
---| "stalled" # no change for `stall_timeout`

---@class taskqueue.status
---@field id string
---@field state taskqueue.state
---@field code integer|string as the service has it
---@field progress? integer from 0 to 100
---@field done boolean it has ended
---@field ok boolean it has ended well
---@field type? string of the node: the task's type
---@field info? table of the node: its `additionalInfo`, decoded
---@field info_text? string the same as text

---@class taskqueue.detail
---@field status? taskqueue.status the last one known
---@field code? integer|string of the service
---@field http_status? integer
---@field attempts? integer requests made
---@field data? any what the service sent along
---@field cause? {message: string, kind: taskqueue.kind, detail: taskqueue.detail} of a timeout

---@class taskqueue.wait_options
---@field timeout? number seconds for the whole wait (900); math.huge for none
---@field on_progress? fun(status: taskqueue.status) called when state, code or progress changed
---@field first_delay? number seconds before the first look (0)
---@field interval? number least seconds between two polls (0)
---@field not_found_grace? number seconds during which "not found" counts as "not there yet" (0)
---@field stall_timeout? number seconds without a change until the wait ends as `stalled`
---@field max_poll_errors? integer failed polls in a row that the wait survives (10)

---@class taskqueue.client_options
---@field url? string base URL
---@field rate? number status polls a second
---@field burst? integer polls that may go at once after an idle spell (1)
---@field connect_timeout? number seconds (10)
---@field request_timeout? number seconds (30)
---@field max_response_bytes? integer (16 MiB)
---@field max_connections? integer requests in flight (64)
---@field ca_file? string PEM file of trusted authorities
---@field client_cert? string PEM file
---@field client_key? string PEM file
---@field proxy? string URL of a proxy
---@field user_agent? string
---@field insecure? boolean true turns TLS verification off
---@field allow_plain_http? boolean true lets requests leave this machine without TLS
---@field fleet? taskqueue.fleet what shares the budget with other processes

---What `require("taskqueue.fleet").new` gives.
---@class taskqueue.fleet
local fleet = {}

---What this process is for each budget that it shares.
---@return table[]
function fleet:stats() end

---What Redis knows of the whole fleet.
---@return table? overview
---@return string? message
---@return taskqueue.kind? kind
---@return taskqueue.detail? detail
function fleet:overview() end

---Gives a wait to the fleet: it outlives this process.
---@param task taskqueue.task of a client that has this fleet
---@param options? {data?: table, timeout?: number, interval?: number, not_found_grace?: number}
---@return true? is_kept
---@return string? message
---@return taskqueue.kind? kind
---@return taskqueue.detail? detail
function fleet:watch(task, options) end

---Iterates over the ends of such waits; each goes to one consumer of a group, at least once.
---@param options {group: string, timeout?: number, hold?: number}
---@return fun(): taskqueue.task?, taskqueue.status?, string?, taskqueue.kind?, table?
function fleet:completions(options) end

---Leaves the fleet: others take over at once.
function fleet:close() end

---@class taskqueue.mobizon_options: taskqueue.client_options
---@field api_key string
---@field host? string of the API (api.mobizon.kz)
---@field format? "json"|"xml" of replies
---@field key_in? "body"|"query" where the key goes

---@class taskqueue.cnode_options: taskqueue.client_options
---@field username? string for a proxy in front
---@field password? string for a proxy in front

---@class taskqueue.task
---@field id string
---@field client taskqueue.client
local task = {}

---Looks at the task once, in its turn under the budget, without a retry.
---@return taskqueue.status? status
---@return string? message
---@return taskqueue.kind? kind
---@return taskqueue.detail? detail
function task:get_status() end

---Waits until the task has ended.
---@param options? taskqueue.wait_options
---@return taskqueue.status? status the final one of a task that succeeded
---@return string? message exactly "timeout" when the time is over
---@return taskqueue.kind? kind
---@return taskqueue.detail? detail
function task:wait_until_done(options) end

---What was last heard of the task. Does no I/O.
---@return taskqueue.status?
function task:last_status() end

---Seconds since a poll told of the task last.
---@return number?
function task:age() end

---During a wait: seconds until the task will end, as its progress lets expect.
---@return number?
function task:remaining() end

---What is known of the task, as plain data for `client:import`.
---@return table
function task:export() end

---Ends every wait for this task with the kind `cancelled`. The remote work goes on.
function task:stop_waiting() end

---@class taskqueue.client
---@field url string base URL
local client = {}

---A handle of a task. Does no I/O.
---@param id string|integer
---@return taskqueue.task
function client:task(id) end

---Looks at a task once; see `task:get_status`.
---@param id string|integer
---@return taskqueue.status? status
---@return string? message
---@return taskqueue.kind? kind
---@return taskqueue.detail? detail
function client:get_status(id) end

---Waits until a task has ended; see `task:wait_until_done`.
---@param id string|integer
---@param options? taskqueue.wait_options
---@return taskqueue.status? status
---@return string? message
---@return taskqueue.kind? kind
---@return taskqueue.detail? detail
function client:wait_until_done(id, options) end

---Takes up what `task:export` or `taskqueue.export` gave.
---@param data table
---@return taskqueue.task|taskqueue.task[]
function client:import(data) end

---@return boolean
function client:is_closed() end

---Ends the client: waits in progress and calls end with the kind `closed`.
function client:close() end

---@class taskqueue.mobizon_client: taskqueue.client
local mobizon_client = {}

---Calls a method of the API, once.
---@param module string for instance "campaign"
---@param method string for instance "addRecipients"
---@param parameters? table
---@return any answer a task when the work goes on in the background, else the decoded `data`
---@return string? message
---@return taskqueue.kind? kind
---@return taskqueue.detail? detail
function mobizon_client:call(module, method, parameters) end

---@class taskqueue.cnode_client: taskqueue.client
local cnode_client = {}

---Looks at a task once.
---@param id string|integer
---@param arguments? {uniqueTransferId?: string, callback?: boolean}
---@return taskqueue.status? status
---@return string? message
---@return taskqueue.kind? kind
---@return taskqueue.detail? detail
function cnode_client:get_status(id, arguments) end

---Calls an operation, once.
---@param operation string for instance "giveMoneyRequest"
---@param arguments? table
---@return any answer a task when the node answered with one, else the answer's fields
---@return string? message
---@return taskqueue.kind? kind
---@return taskqueue.detail? detail
function cnode_client:call(operation, arguments) end

---@class taskqueue.mobizon
---@field status table<string, integer> WAITING, IN_PROGRESS, COMPLETED, REJECTED
---@field code table<string, integer> codes of replies
local mobizon = {}

---Makes a client. Does no I/O.
---@param options taskqueue.mobizon_options
---@return taskqueue.mobizon_client
function mobizon.new(options) end

---The name of a task status, for instance "COMPLETED".
---@param code integer
---@return string?
function mobizon.status_name(code) end

---@class taskqueue.cnode
---@field status table<string, string> task statuses
---@field error table<string, string> errors of requests
local cnode = {}

---Makes a client. Does no I/O.
---@param options? taskqueue.cnode_options
---@return taskqueue.cnode_client
function cnode.new(options) end

---@class taskqueue.result
---@field task taskqueue.task
---@field status? taskqueue.status
---@field message? string
---@field kind? taskqueue.kind
---@field detail? taskqueue.detail

---@class taskqueue.event
---@field event string
---@field id? string of the task
---@field service? string
---@field url? string of the client
---@field ok? boolean
---@field status? taskqueue.status
---@field from? taskqueue.state
---@field to? taskqueue.state
---@field message? string
---@field kind? taskqueue.kind
---@field detail? taskqueue.detail
---@field delay? number
---@field failures? integer
---@field retry_after? number
---@field next_slot? number
---@field attempts? integer
---@field seconds? number
---@field of? string

---What is called with the end of a wait in the background: the task, the four values of the wait,
---and `data`.
---@alias taskqueue.handler fun(task: taskqueue.task, ...: any)

---A loop of one's own: see docs/loops.md.
---@class taskqueue.loop
---@field current fun(): any
---@field park fun(token: any)
---@field unpark fun(token: any)
---@field attach fun(engine: table)
---@field detach fun()

---Waits for work that a remote service does in the background.
---@class taskqueue
---@field _VERSION string
---@field mobizon taskqueue.mobizon
---@field cnode taskqueue.cnode
---@field kind table<string, taskqueue.kind> TIMEOUT, CANCELLED, ...
---@field state table<string, taskqueue.state> PENDING, RUNNING, SUCCEEDED, FAILED
---@field null userdata what a service's `null` is
local taskqueue = {}

---A file to be uploaded by `client:call`.
---@param file {path: string, name?: string, type?: string}
---@return any
function taskqueue.file(file) end

---Waits for all tasks, of any services together.
---@param tasks taskqueue.task[]
---@param options? taskqueue.wait_options
---@return taskqueue.result[]
function taskqueue.wait_all(tasks, options) end

---Waits for the first of several tasks to end, however it ends.
---@param tasks taskqueue.task[]
---@param options? taskqueue.wait_options
---@return taskqueue.task? task
---@return taskqueue.status? status
---@return string? message
---@return taskqueue.kind? kind
---@return taskqueue.detail? detail
function taskqueue.wait_any(tasks, options) end

---Iterates over tasks in the order of their ends.
---@param tasks taskqueue.task[]|fun(): taskqueue.task?
---@param options? taskqueue.wait_options
---@return fun(): taskqueue.task?, taskqueue.status?, string?, taskqueue.kind?, taskqueue.detail?
function taskqueue.as_completed(tasks, options) end

---Runs a function as a coroutine on the built-in loop, until it and all others have ended.
---@param fn function
---@param ... any its arguments
---@return any ... what it returns
function taskqueue.run(fn, ...) end

---Waits for a task in the background, then calls a function with the task, the outcome (status, or
---nil, message, kind, detail) and `data`. With the name of a module that gives the function, the
---wait outlives its worker of nginx.
---@param handle taskqueue.task
---@param handler string|taskqueue.handler
---@param options? table those of a wait, and `data`
---@return boolean? started
---@return string? message
function taskqueue.watch(handle, handler, options) end

---Has this worker of nginx take up the waits in the background that others leave.
---@return boolean? started
---@return string? message
function taskqueue.resume_watches() end

---Adds a coroutine to the built-in loop.
---@param fn function
---@param ... any its arguments
function taskqueue.spawn(fn, ...) end

---Sleeps: inside a coroutine of the loop only that one, elsewhere by blocking.
---@param seconds number
function taskqueue.sleep(seconds) end

---What is known of all tasks that are waited for, as plain data.
---@return table
function taskqueue.export() end

---What is going on, by client and by budget.
---@return {clients: table[], budgets: table[]}
function taskqueue.stats() end

---Listens to what happens to tasks; the function given back ends that.
---@param event "poll"|"retry"|"throttle"|"state"|"done"|"sharing"|"error"
---@param fn fun(event: taskqueue.event)
---@return fun()
function taskqueue.on(event, fn) end

---Chooses the loop in whose coroutines waits suspend.
---@param loop "builtin"|"copas"|"cqueues"|"luv"|"openresty"|taskqueue.loop
---@param options? { shared_dict?: string }
function taskqueue.use(loop, options) end

---The fd that is readable when `step` has something to do.
---@return integer
function taskqueue.pollfd() end

---What to watch the fd for.
---@return "r"
function taskqueue.events() end

---Seconds until `step` has something to do of itself.
---@return number?
function taskqueue.timeout() end

---Does what is due.
---@param timeout? number seconds to wait for something to do (0)
function taskqueue.step(timeout) end

return taskqueue
