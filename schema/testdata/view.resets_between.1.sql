CREATE OR REPLACE VIEW tcpledger.resets_between AS
SELECT * FROM tcpledger.both_ends(from = {from:DateTime64(6, 'UTC')}, to = {to:DateTime64(6, 'UTC')}, around = {around:UInt32}) WHERE between
COMMENT 'Resets that no socket of either end sent, from one time to another: a firewall, a balancer, connection tracking (edition 1, text 0467cdd19845)';
