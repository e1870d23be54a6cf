r"""Units of physics and chemistry: their prefixes, whose capitals count, their names, and what they are in others."""

from __future__ import annotations

SAME = {
    "prefixes": [
        (r"0.4\text{ kPa}", r"400\text{ Pa}"), (r"2.2\text{ MJ}", r"2200\ \mathrm{kJ}"), ("35 mV", r"0.035\text{ V}"),
        (r"620\text{ nm}", r"6.2\times10^{-7}\text{ m}"), (r"0.62\ \mu\text{m}", "620 nm"),
        ("7 μs", r"0.007\text{ ms}"),
        (r"8\text{ GHz}", r"8\times 10^9\text{ Hz}"), (r"12\text{ pF}", r"0.012\text{ nF}"),
        ("3 kΩ", r"3000\ \Omega"),
        (r"1.5\,\mathrm{M\Omega}", r"1500\text{ kiloohms}"), (r"6\text{ mT}", r"0.006\text{ teslas}"), ("9", "9 kΩ"),
        (r"4\mathrm{\mu m}", "4 micrometers"), (r"15\text{ mmol}", "0.015 moles"), ("11", r"11\text{ H}"),
    ],
    "names": [
        (r"3\text{ eV}", r"3\text{ electron volts}"), ("4 ly", "4 light-years"),
        (r"6\text{ AU}", "6 astronomical units"),
        (r"25\text{ dB}", "25 decibels"), (r"2\text{ pc}", "2 parsecs"), (r"5\text{ Wb}", "5 webers"),
        (r"80\text{ km/h}", "80 km/hr"), (r"55\text{ mph}", "55 mi/hr"), (r"3\text{ N}\cdot\text{m}", r"3\text{ Nm}"),
        (r"3\text{ N m}", "3 newton-meters"), (r"760\text{ Torr}", r"760\text{ mmHg}"), ("4焦耳", "4 J"),
    ],
    "what they are in others": [
        (r"0.3\text{ M}", r"0.3\text{ mol/L}"), (r"0.3\ \mathrm{mol\cdot L^{-1}}", "0.3 molar"),
        ("0.7", r"0.7\text{ M}"),
        (r"0.05\text{ mol/L}", r"50\text{ mM}"), (r"3\text{ atm}", r"303975\text{ Pa}"),
        (r"4\text{ N s}", r"4\text{ kg m/s}"),
        (r"7\text{ N}", r"7\text{ kg m/s}^2"), (r"2\text{ g/cm}^3", r"2\text{ g/cc}"),
        (r"3\text{ ha}", r"30000\text{ m}^2"),
        (r"18\text{ g/mol}", "18 grams per mole"), (r"2\text{ kWh}", r"7.2\text{ MJ}"), ("5 Å", r"0.5\text{ nm}"),
        (r"40\text{ J/(mol K)}", r"40\ \mathrm{J\,mol^{-1}\,K^{-1}}"), (r"6\text{ V}", r"6\text{ J/C}"),
    ],
}  # fmt: skip
DIFFERENT = {
    "prefixes": [
        (r"30\text{ mA}", r"30\text{ A}"), (r"2\text{ mW}", r"2\text{ MW}"), (r"7\text{ mg}", r"7\text{ Mg}"),
        (r"5\text{ kJ}", r"5\text{ J}"), (r"9\text{ nm}", r"9\text{ mm}"), (r"4\ \mu\text{C}", r"4\text{ mC}"),
        (r"3\text{ k}\Omega", r"3\ \Omega"), ("8 kPa", "80 Pa"), (r"6\text{ nF}", r"6\times10^{-6}\text{ F}"),
    ],
    "capitals": [
        (r"0.4\text{ M}", r"0.4\text{ m}"), (r"5\text{ H}", r"5\text{ h}"), (r"3\text{ T}", r"3\text{ t}"),
        (r"6\text{ m/s}", r"6\text{ M/s}"), ("4", r"4\text{M}"), (r"\mu g", "3 μg"), ("2", r"2\mu g"),
    ],
    "other dimensions": [
        (r"18\text{ g/mol}", r"18\text{ g}"), (r"40\text{ J/(mol K)}", r"40\text{ J/K}"),
        ("3 atm", r"3\text{ atm}^2"),
        (r"2\text{ eV}", r"2\text{ V}"), ("5 years", "5 light years"), (r"2\text{ mol}", r"2\text{ M}"),
        (r"3\text{ N m}", r"3\text{ N/m}"), (r"1\text{ kW}", r"1\text{ kWh}"), (r"4\text{ Wb}", r"4\text{ W}"),
    ],
}  # fmt: skip
