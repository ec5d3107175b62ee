local function inner()
  if redis then
    slipped = 1
  end
end
return function()
  inner(missing)
end
