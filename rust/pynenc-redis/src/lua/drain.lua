-- Nothing but what comes before every function: what is staged is taken in. Who is idle is woken for what is there, and
-- nobody for what is not.
return function()
  local all = numbers()
  for lane = 0, 1 do
    if all[AT.queued + lane] > 0 then
      wake(lane, 1)
    else
      call('DEL', TOKENS[lane])
    end
  end
  write_tokens()
end
