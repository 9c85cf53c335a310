-- Tries to take a token of each bound of a key, of all or of none. It counts as package limit does
-- (Used and Bound); its suite compares the two. All times are microseconds.
--
-- KEYS[1]: a hash with the tokens that are used of each bound (u1, u2) and since when (s1, s2)
-- ARGV: the time, or "" for the server's, then size, step and every of each bound
-- Gives the time, and of each bound what was used when it was tried, and since when.
local now = tonumber(ARGV[1])
local own = not now -- the server's clock
if own then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local whole = function(n) return string.format('%.0f', n) end
local bounds, allowed = {}, true
for i = 1, (#ARGV - 1) / 3 do
  local size, step, every = tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i]), tonumber(ARGV[3*i+1])
  local had = redis.pcall('HMGET', KEYS[1], 'u' .. i, 's' .. i)
  if had.err then -- the key holds something else, which somebody else wrote
    redis.call('DEL', KEYS[1])
    had = {}
  end
  local used, since = tonumber(had[1] or 0) or 0, tonumber(had[2] or 0) or 0
  if own and since > now then -- the clock was set back: nobody waits until it is there again
    since = now
  end
  local back = math.floor((now - since) / every)
  if used > 0 and back > 0 then
    used, since = used - back * step, since + back * every
  end
  if used <= 0 then
    used, since = 0, now
  end
  allowed = allowed and used < size
  bounds[i] = {used = used, since = since, step = step, every = every}
end
local answer, forget = {whole(now)}, 0
for i, b in ipairs(bounds) do
  table.insert(answer, whole(b.used))
  table.insert(answer, whole(b.since))
  if allowed then
    redis.call('HSET', KEYS[1], 'u' .. i, whole(b.used + 1), 's' .. i, whole(b.since))
    local full = b.since + math.ceil((b.used + 1) / b.step) * b.every
    forget = math.max(forget, full - now)
  end
end
if not own then -- the server forgets by its own clock, which may be ahead of the one that counts
  forget = forget + 3600000000
end
if allowed then -- when all tokens are back, the key is as one that was never seen
  redis.call('PEXPIRE', KEYS[1], whole(math.ceil(forget / 1000)))
end
return answer
