# What attempts of tests do with a network. Arguments: a verb, an address, a number.
# take/send: so many bytes by TCP. udp: so many datagrams of 1000 bytes, each answered.
# icmp: so many echo requests of 1000 bytes. connect: a connection to that port.
# flows: so many UDP flows at a time; prints how many were answered.
import select, socket, struct, sys

verb, address, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
TIMEOUT = float(sys.argv[4]) if len(sys.argv) > 4 else 5
six = ':' in address
family = socket.AF_INET6 if six else socket.AF_INET

def dial(port):
    return socket.create_connection((address, port), timeout=TIMEOUT)

def tcp(verb):
    with dial(7000) as connection:
        connection.sendall(b'%s %d\n' % (verb, number))
        if verb == b'take':
            connection.sendall(bytes(number))
            connection.recv(4)
        else:
            while connection.recv(65536):
                pass

def udp():
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.settimeout(5)
        for _ in range(number):
            one.sendto(bytes(1000), (address, 7000))
            one.recv(2000)

def icmp():
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    with socket.socket(family, socket.SOCK_DGRAM, protocol) as one:
        one.settimeout(5)
        for sequence in range(number):
            one.sendto(struct.pack('!BBHHH', 128 if six else 8, 0, 0, 0, sequence) + bytes(1000), (address, 0))
            one.recv(2000)

def flows():
    many = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(number)]
    for one in many:
        try:
            one.connect((address, 7000))
            one.send(b'?')
        except OSError:
            pass
    answered = 0
    waiting = set(many)
    while waiting:
        ready = select.select(list(waiting), [], [], 1)[0]
        if not ready:
            break
        for one in ready:
            waiting.discard(one)
            try:
                answered += one.recv(10) == b'?'
            except OSError:
                pass
    print(answered)

if verb in ('take', 'send'):
    tcp(verb.encode())
elif verb == 'connect':
    dial(number).close()
else:
    {'udp': udp, 'icmp': icmp, 'flows': flows}[verb]()
