-- wrk: one vote or rating of somebody new per request. What differs comes from the environment, see internal/bench/wrk.go.
--
-- No response(): with it wrk would parse every answer's headers for Lua. It counts answers above 399 by itself.

local forms = os.getenv("VOTE_FORMS") -- "path=before=choices=after path=…": a choice stands between
local salt = tonumber(os.getenv("VOTE_SALT"))
local file = os.getenv("VOTE_PASSES") -- of voters' passes, one behind the other; empty: voters have ids
local length = 36
local threads = 0

function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end

function init()
  -- Voters' ids are random, and so where their rows go in the index. A linear congruential generator of full period
  -- never repeats one; its product stays below 2^53, exact in Lua's numbers.
  number = (salt * 7919 + 12345) % 4294967296
  local rest = string.format("-%04x-4000-8000-%08x%04x", id, salt % 4294967296, math.floor(salt / 4294967296) % 65536)
  keys, choices = {}, 0
  local f = assert(io.open(file, "rb"))
  passes, used = f:read("*a"), 0
  f:close()
  if passes ~= "" then
    length, request = tonumber(os.getenv("VOTE_PASS_LENGTH")), passed
  end
  for path, before, among, after in forms:gmatch("([^= ]+)=([^= ]+)=([^= ]+)=([^= ]+)") do
    local length = #before + 1 + #after + length + 2
    local head = "POST " .. path .. " HTTP/1.1\r\nHost: plenary\r\nContent-Type: application/json\r\n" ..
      "Content-Length: " .. length .. "\r\n\r\n"
    for key in among:gmatch(".") do
      keys[choices] = head .. before .. key .. after
      choices = choices + 1
    end
  end
  tail = rest .. '"}'
end

function request()
  number = (number * 1664525 + 1013904223) % 4294967296
  return keys[number % choices] .. string.format("%08x", number) .. tail
end

function passed()
  local from = used * length
  if from >= #passes then
    error("there are no more passes: wrk is faster than was thought")
  end
  used = used + 1
  number = (number * 1664525 + 1013904223) % 4294967296
  return keys[number % choices] .. passes:sub(from + 1, from + length) .. '"}'
end

function done(summary)
  io.write(string.format('\nJSON {"requests":%d,"micros":%d,"refused":%d,"broken":%d}\n', summary.requests, summary.duration,
    summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
