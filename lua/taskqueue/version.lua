-- SPDX-License-Identifier: MIT
-- The one place where the version stands.
return "0.1.0"
