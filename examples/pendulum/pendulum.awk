# Reads the pendulum from pendulum.ini and a deck of commands from its standard input; prints the
# time of one swing there and back, in seconds.
#
# The equation angle" = -(g/l) sin(angle) is integrated with the classical method of Runge and Kutta
# until the pendulum hangs straight down: a quarter of the period.

function pull(angle) { return -gravity / len * sin(angle) }

function quarter(angle, steps,    pi, h, t, speed, a, k1, k2, k3, k4, l1, l2, l3, l4, part) {
  pi = atan2(0, -1)
  # No pendulum let go below 170 degrees needs 2.5 times as long as one that swings a little.
  h = 2.5 * pi / 2 * sqrt(len / gravity) / steps
  for (speed = t = 0; angle > 0; t += h) {
    a = angle
    k1 = speed;              l1 = pull(angle)
    k2 = speed + h / 2 * l1; l2 = pull(angle + h / 2 * k1)
    k3 = speed + h / 2 * l2; l3 = pull(angle + h / 2 * k2)
    k4 = speed + h * l3;     l4 = pull(angle + h * k3)
    angle += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    speed += h / 6 * (l1 + 2 * l2 + 2 * l3 + l4)
  }
  part = a / (a - angle)
  return t - h + part * h
}

BEGIN {
  while ((getline line < "pendulum.ini") > 0) {
    if (line ~ /^;/) continue
    split(line, field, " = ")
    model[field[1]] = field[2]
  }
  gravity = model["gravity"] + 0
  len = model["length"] + 0
  if (gravity <= 0 || len <= 0) {
    print "pendulum.awk: pendulum.ini needs gravity and length" > "/dev/stderr"
    exit 2
  }
}
$1 == "let" { amplitude = $4 * atan2(0, -1) / 180 }
$1 == "steps" { steps = $2 }
$1 == "go" { printf "%.6f\n", 4 * quarter(amplitude, steps) }
