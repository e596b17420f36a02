-- SPDX-License-Identifier: Apache-2.0
-- A checkpoint of each host every 10 seconds of the day, from {from} s to {to} s: what its streams had counted by then, of the {rows}
-- connections and the {events} events of the day.
INSERT INTO tcpledger.checkpoints
(at, host, boot_id, session, run, phase, streams, next_seqs, totals, clock_error_us, received_at)
WITH
  number % 400 AS h,
  {from:UInt64} + 10 * intDiv(number, 400) AS sec,
  least(1, sec / 86399.9) AS v,
  arrayFold((u, i) -> v - 0.4 * sin(2 * pi() * u) / (2 * pi()), range(40), v) AS u,
  least({made:UInt64}, toUInt64(ceil(u * {rows:UInt64}))) AS conns,
  least({made_events:UInt64}, toUInt64(ceil(u * {events:UInt64}))) AS evs,
  intDiv(conns + 399 - h, 400) AS of_host,
  intDiv(evs + 399 - h, 400) AS events_of_host,
  addSeconds(toDateTime64({day:String}, 6, 'UTC'), toInt64(sec)) AS at_
SELECT at_, concat('host-', leftPad(toString(h), 3, '0')), toUUID(concat('00000000-0000-4000-8000-', leftPad(hex(h), 12, '0'))), 7000 + h, 1, if(sec = 0, 'start', 'periodic'),
  arrayConcat(range(0, 64, 4), range(1, 65, 4)),
  arrayConcat(arrayMap(s -> intDiv(of_host, 16) + (bitXor(s, cityHash64(h, intDiv(of_host, 16)) % 16) < of_host % 16), range(16)),
    arrayMap(s -> intDiv(events_of_host, 16) + (bitXor(s, cityHash64(h, intDiv(events_of_host, 16)) % 16) < events_of_host % 16), range(16))),
  map('over_budget_drop', intDiv(sec, 3600), 'stacks_taken', of_host), 120, at_ + INTERVAL 1 SECOND
FROM numbers(400 * intDiv({to:UInt64} - {from:UInt64} + 9, 10))
