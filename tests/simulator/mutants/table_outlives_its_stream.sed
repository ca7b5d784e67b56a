# libcommon/auth/revocations_table.lua: a table of followers counts although its stream is gone, with the mark on it
s/^\tlocal groups = .*/&\n\tif string.sub(type(id) == 'string' and id or '', 1, 6 + #life + 1) == 'table.' .. life .. '.' then return id end/
