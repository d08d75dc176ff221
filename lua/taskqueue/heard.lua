-- SPDX-License-Identifier: MIT
-- The listeners of each event, a list; nil when there is none. While nobody listens to anything,
-- taskqueue.events is not needed.
return {}
